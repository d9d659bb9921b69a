"""A variational autoencoder of melodies: from rows of note codes to a small latent vector and back."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from nitido.latent.melody import FIRST, LOWEST, PITCHES
from nitido_train.data.scores import BAR, BEAT, Grid


class MelodyPassage(NamedTuple):
    """A batch after it passed through the network.

    logits: N×K×T×1 of the K codes.
    mean, log_var: N×d.
    """

    logits: Tensor
    mean: Tensor
    log_var: Tensor


class MelodyEncoder(nn.Module):
    """From beats to bars to one vector. forward: one-hot notes N×K×T×1 → (mean N×d, log-variance N×d)."""

    def __init__(self, codes: int, steps: int, beat: int, bar: int, hidden: int, latent: int) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(codes, beat, (BEAT, 1), stride=(BEAT, 1)),
            nn.BatchNorm2d(beat),
            nn.ReLU(),
            nn.Conv2d(beat, bar, (BAR // BEAT, 1), stride=(BAR // BEAT, 1)),
            nn.BatchNorm2d(bar),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(bar * steps // BAR, hidden),
            nn.BatchNorm1d(hidden),
            nn.ReLU(),
        )
        self.mean = nn.Linear(hidden, latent)
        self.log_var = nn.Linear(hidden, latent)

    def forward(self, notes: Tensor) -> tuple[Tensor, Tensor]:
        features = self.features(notes)
        return self.mean(features), self.log_var(features)


class MelodyDecoder(nn.Module):
    """From one vector to bars to beats, with the same layers for every bar. forward: z N×d → logits N×K×T×1."""

    def __init__(self, codes: int, steps: int, beat: int, bar: int, hidden: int, latent: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(latent, hidden),
            nn.BatchNorm1d(hidden),
            nn.ReLU(),
            nn.Linear(hidden, bar * steps // BAR),
            nn.BatchNorm1d(bar * steps // BAR),
            nn.ReLU(),
            nn.Unflatten(1, (bar, steps // BAR, 1)),
            nn.ConvTranspose2d(bar, beat, (BAR // BEAT, 1), stride=(BAR // BEAT, 1)),
            nn.BatchNorm2d(beat),
            nn.ReLU(),
            nn.ConvTranspose2d(beat, codes, (BEAT, 1), stride=(BEAT, 1)),
        )

    def forward(self, z: Tensor) -> Tensor:
        return self.layers(z)


class MelodyNet(nn.Module):
    """Encoder and decoder (Kingma and Welling, Auto-Encoding Variational Bayes, 2014), without recurrence.

    All notes of a melody are computed at once, with layers that every ONNX Runtime has. Without batch normalization,
    the network would learn several times more slowly.

    steps: T, whole bars of 16.
    lowest, pitches: the notes it knows, see :class:`nitido_train.data.scores.Grid`.
    beat, bar: channels of beats and bars.
    """

    def __init__(
        self,
        steps: int = 64,
        lowest: int = LOWEST,
        pitches: int = PITCHES,
        latent: int = 48,
        beat: int = 96,
        bar: int = 128,
        hidden: int = 192,
    ) -> None:
        super().__init__()
        if steps % BAR:
            raise ValueError(f"steps must be a multiple of {BAR}, whole bars; found {steps}")
        if lowest + pitches > 128:
            raise ValueError(
                f"lowest + pitches must be at most 128, as many notes as MIDI has; found {lowest + pitches}"
            )
        self.grid = Grid(steps, lowest, pitches)
        self.codes, self.latent = FIRST + pitches, latent
        self.encoder = MelodyEncoder(self.codes, steps, beat, bar, hidden, latent)
        self.decoder = MelodyDecoder(self.codes, steps, beat, bar, hidden, latent)

    def one_hot(self, notes: Tensor) -> Tensor:
        """Note codes N×T of any integer type as float32 N×K×T×1."""
        rows = nn.functional.one_hot(notes.long(), self.codes)  # N T K
        return rows.transpose(1, 2)[..., None].to(torch.float32)

    def forward(self, notes: Tensor, draw: Tensor) -> MelodyPassage:
        """notes: codes N×T. draw: N×d from a standard normal distribution. Zeros give the mean."""
        mean, log_var = self.encoder(self.one_hot(notes))
        return MelodyPassage(self.decoder(mean + draw * torch.exp(0.5 * log_var)), mean, log_var)

    def card(self) -> dict[str, Any]:
        """The facts about melodies on the cards of both parts."""
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
