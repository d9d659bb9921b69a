"""The batches of a stream of training examples, optionally prepared by other processes."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from torch.utils.data import DataLoader, Dataset, Sampler

from nitido_train.data.workers import begin_worker, from_workers
from nitido_train.recipe.schema import Recipe


def load_batches(
    stream: Dataset[Any], recipe: Recipe, first: int, rank: int, world: int, workers: int
) -> Iterator[Any]:
    """This process's share of each step's batch, from step ``first`` on. workers: other processes that prepare it."""
    loader = DataLoader(
        stream,
        batch_size=recipe.data.batch // world,
        sampler=ProcessSampler(first, recipe.schedule.steps, recipe.data.batch, rank, world),
        num_workers=workers,
        prefetch_factor=8 if workers else None,
        worker_init_fn=begin_worker if workers else None,
        # Forked workers share the decoded pictures; spawned ones would each get a copy.
        multiprocessing_context="fork" if workers and sys.platform == "linux" else None,
    )
    return from_workers(loader) if workers else iter(loader)


class ProcessSampler(Sampler[int]):
    """The patches of one of several processes. Together, all processes get what a single process would get.

    first: the step to begin with.
    steps: the step before which to stop.
    batch: patches of one step, over all processes.
    rank, world: this process, and how many there are.
    """

    def __init__(self, first: int, steps: int, batch: int, rank: int = 0, world: int = 1) -> None:
        self._steps, self._batch = range(first, steps), batch
        self._own = range(rank * (batch // world), (rank + 1) * (batch // world))

    def __iter__(self) -> Iterator[int]:
        return (step * self._batch + i for step in self._steps for i in self._own)

    def __len__(self) -> int:
        return len(self._steps) * len(self._own)
