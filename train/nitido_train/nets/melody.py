"""A variational autoencoder of melodies: rows of note codes to a small latent vector and back."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from nitido_train.tune import BAR, FIRST, Grid

BEAT = 4  # steps; a bar has four of them


class Passage(NamedTuple):
    """logits: N×K×T×1 of the K codes. mean, log_var: N×d."""

    logits: Tensor
    mean: Tensor
    log_var: Tensor


class Encoder(nn.Module):
    """Steps to beats to bars to one vector. forward: one-hot notes N×K×T×1 → (mean N×d, log-variance N×d)."""

    def __init__(self, codes: int, steps: int, widths: list[int], hidden: int, latent: int) -> None:
        super().__init__()
        note, beat, bar = widths
        self.features = nn.Sequential(
            nn.Conv2d(codes, note, (3, 1), padding=(1, 0)),
            nn.ReLU(),
            nn.Conv2d(note, beat, (BEAT, 1), stride=(BEAT, 1)),
            nn.ReLU(),
            nn.Conv2d(beat, bar, (BAR // BEAT, 1), stride=(BAR // BEAT, 1)),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(bar * steps // BAR, hidden),
            nn.ReLU(),
        )
        self.mean = nn.Linear(hidden, latent)
        self.log_var = nn.Linear(hidden, latent)

    def forward(self, notes: Tensor) -> tuple[Tensor, Tensor]:
        features = self.features(notes)
        return self.mean(features), self.log_var(features)


class Decoder(nn.Module):
    """The way back, every bar by the same layers. forward: z N×d → logits N×K×T×1."""

    def __init__(self, codes: int, steps: int, widths: list[int], hidden: int, latent: int) -> None:
        super().__init__()
        note, beat, bar = widths
        self.layers = nn.Sequential(
            nn.Linear(latent, hidden),
            nn.ReLU(),
            nn.Linear(hidden, bar * steps // BAR),
            nn.ReLU(),
            nn.Unflatten(1, (bar, steps // BAR, 1)),
            nn.ConvTranspose2d(bar, beat, (BAR // BEAT, 1), stride=(BAR // BEAT, 1)),
            nn.ReLU(),
            nn.ConvTranspose2d(beat, note, (BEAT, 1), stride=(BEAT, 1)),
            nn.ReLU(),
            nn.Conv2d(note, codes, (3, 1), padding=(1, 0)),
        )

    def forward(self, z: Tensor) -> Tensor:
        return self.layers(z)


class MelodyNet(nn.Module):
    """Both halves (Kingma and Welling, Auto-Encoding Variational Bayes, 2014), without recurrence: all notes of a
    melody are decided at once, which fits any ONNX Runtime and takes well under a millisecond.

    steps: T, whole bars of 16. lowest, pitches: the notes it knows, see :class:`nitido_train.tune.Grid`. widths:
    channels of steps, beats and bars.
    """

    def __init__(
        self,
        steps: int = 64,
        lowest: int = 55,
        pitches: int = 34,
        latent: int = 32,
        widths: list[int] | None = None,
        hidden: int = 192,
    ) -> None:
        super().__init__()
        widths = widths or [48, 96, 128]
        if steps % BAR or steps < BAR or not 0 <= lowest <= 127 - pitches + 1 or pitches < 1 or len(widths) != 3:
            raise TypeError(f"expected whole bars of {BAR} steps, MIDI notes and three widths")
        self.grid = Grid(steps, lowest, pitches)
        self.codes, self.latent = FIRST + pitches, latent
        self.encoder = Encoder(self.codes, steps, widths, hidden, latent)
        self.decoder = Decoder(self.codes, steps, widths, hidden, latent)

    def one_hot(self, notes: Tensor) -> Tensor:
        """Note codes N×T of any integer type as float32 N×K×T×1."""
        rows = nn.functional.one_hot(notes.long(), self.codes)  # N T K
        return rows.transpose(1, 2)[..., None].to(torch.float32)

    def forward(self, notes: Tensor, draw: Tensor) -> Passage:
        """notes: codes N×T. draw: N×d from a standard normal distribution; zeros take the mean."""
        mean, log_var = self.encoder(self.one_hot(notes))
        return Passage(self.decoder(mean + draw * torch.exp(0.5 * log_var)), mean, log_var)

    def card(self) -> dict[str, Any]:
        """What the cards of both halves say of a melody."""
        return {
            "kind": "vae",
            "medium": "melody",
            "size": self.latent,
            "steps": self.grid.steps,
            "steps_per_beat": BEAT,
            "lowest": self.grid.lowest,
            "pitches": self.grid.pitches,
            "labels": [],
            "prior": "normal",
        }
