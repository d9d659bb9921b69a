"""Measures the loss of a lower precision and compares it with a limit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from nitido.frames import Frame
from nitido.inference.model import Model
from nitido_export.quantization.clips import restore_clip
from nitido_train.evaluation.conditions import Condition


def restorer(model: Model) -> Callable[[Frame], Frame]:
    """A model as a function of clips, if it is recurrent, or else of frames."""
    return (lambda clip: restore_clip(model, clip)) if model.recurrent else model


@dataclass(frozen=True)
class QualityGuard:
    """The allowed loss, and what it is measured on.

    max_drop: allowed loss in dB, on the worst condition that the network is made for.
    holdout: what to measure it on, by the name of the set.
    reference: the float model to compare with.
    """

    max_drop: float
    holdout: Mapping[str, Sequence[Condition]]
    reference: Model

    @property
    def restore(self) -> Callable[[Frame], Frame]:
        """The reference as a function from the input of a condition to the result."""
        return restorer(self.reference)

    @property
    def pictures(self) -> int:
        """The number of pictures in all sets."""
        return sum(len(conditions[0].clean) for conditions in self.holdout.values())

    @cached_property
    def conditions(self) -> list[Condition]:
        """The conditions of all sets that the network is made for; the name of a condition includes its set."""
        return [
            replace(condition, name=f"{name}, {condition.name}")
            for name, conditions in self.holdout.items()
            for condition in conditions
            if condition.meant
        ]

    def scores(self, restore: Callable[[Frame], Frame]) -> list[dict[str, Any]]:
        """One row {condition, metric, reference, value, drop} for each condition: the score in dB of the reference and
        of ``restore``, and the difference."""
        rows: list[dict[str, Any]] = []
        for condition, reference in zip(self.conditions, self._reference_scores, strict=True):
            value = condition.measure(restore)
            rows.append(
                {
                    "condition": condition.name,
                    "metric": condition.metric,
                    "reference": round(reference, 3),
                    "value": round(value, 3),
                    "drop": reference - value,
                }
            )
        return rows

    @cached_property
    def _reference_scores(self) -> list[float]:
        return [condition.measure(self.restore) for condition in self.conditions]
