"""The generator of melodies: how often notes, lengths and steps occur in samples and in tunes that were held out."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import ks_2samp

from generation.distances import Features, shares, variation
from nitido.latent.autoencoder import load_decoder, load_encoder
from nitido.latent.melody import HOLD, Notes, notes_of
from nitido.latent.sampling import draw, sample_latents
from nitido_train.data.melodies import hold_out, read_melodies
from nitido_train.data.scores import BAR, Grid

MODELS = ("vae-melody",)
COUNT = 2000  # phrases that frequencies are of
LOOKED_AT = 200  # phrases that are searched for copies
COPY = 0.95  # share of the steps that are the same as in a phrase of the training
WIDEST = 13  # semitones of an interval; wider ones count as this
KEPT = ("pitch classes", "note lengths", "intervals", "places in the bar", "notes in a phrase", "repeated bars")


@dataclass(frozen=True)
class Tunes:
    """learnt, held_out: phrases uint8 N×T, of the training and of the tenth of the tunes that it held out."""

    learnt: NDArray[np.uint8]
    held_out: NDArray[np.uint8]


@dataclass(frozen=True)
class Statistics:
    """Histograms: shares of the 12 pitch classes, of note lengths in steps, of intervals between neighbours, of places
    in the bar where notes begin. By phrase, N: number of notes, share of bars that another bar of the phrase equals."""

    pitch_classes: Features
    lengths: Features
    intervals: Features
    places: Features
    notes: NDArray[np.int64]
    repeated: Features

    def distances(self, other: Statistics) -> dict[str, float]:
        """Total variation distances of the histograms and Kolmogorov-Smirnov distances of the rest, 0..1 each."""
        ks = [ks_2samp(a, b).statistic for a, b in ((self.notes, other.notes), (self.repeated, other.repeated))]  # pyright: ignore[reportAttributeAccessIssue]
        histograms = [
            variation(self.pitch_classes, other.pitch_classes),
            variation(self.lengths, other.lengths),
            variation(self.intervals, other.intervals),
            variation(self.places, other.places),
        ]
        return dict(zip(KEPT, (round(float(v), 4) for v in (*histograms, *ks)), strict=True))


def statistics(phrases: Sequence[Notes] | NDArray[np.uint8], lowest: int) -> Statistics:
    """phrases: uint8 T each, whole bars."""
    found = [notes_of(row, lowest) for row in phrases]
    pitches = np.array([note.pitch for notes in found for note in notes])
    lengths = np.array([note.end - note.start for notes in found for note in notes])
    places = np.array([note.start % BAR for notes in found for note in notes])
    steps = [b.pitch - a.pitch for notes in found for a, b in itertools.pairwise(notes)]
    return Statistics(
        shares(pitches % 12, 12),
        shares(lengths, BAR + 1),
        shares(np.array(steps) + WIDEST, 2 * WIDEST + 1),
        shares(places, BAR),
        np.array([len(notes) for notes in found]),
        np.array([_repeated(row) for row in phrases]),
    )


def _repeated(row: Notes) -> float:
    bars = [bar.tobytes() for bar in np.split(row, len(row) // BAR)]
    return float(np.mean([bars.count(bar) > 1 for bar in bars]))


def read_tunes(sources: Sequence[str], name: str) -> Tunes:
    """sources: that the model ``name`` was trained on."""
    space = load_decoder(name, "cpu").space
    grid = Grid(space.steps, space.lowest, space.pitches)
    learnt, held_out = hold_out(read_melodies([Path(source) for source in sources], grid))
    return Tunes(learnt.notes, held_out.notes)


def measure(name: str, tunes: Tunes) -> dict[str, Any]:
    """Figures of samples for each way to draw latents, of reconstructions, and of phrases to learn from."""
    encoder, decoder = load_encoder(name, "cpu"), load_decoder(name, "cpu")
    lowest = decoder.space.lowest
    wanted = statistics(tunes.held_out, lowest)
    drawn = {"prior": draw(decoder.space, COUNT, 0)}
    if decoder.has_second_stage:
        drawn = {"second stage": sample_latents(decoder, COUNT, 0)} | drawn
    sets = {way: decoder(z) for way, z in drawn.items()}
    numbers = np.random.default_rng(0).permutation(len(tunes.learnt))[:COUNT]
    sets |= {"held-out phrases, reconstructed": decoder(encoder(tunes.held_out).mean)}
    rows = [row_of(way, phrases, tunes, wanted, lowest) for way, phrases in sets.items()]
    learnt = statistics(tunes.learnt[numbers], lowest).distances(wanted)
    return {
        "samples": [*rows, {"drawn from": "phrases to learn from", **learnt, "mean": _mean(learnt)}],
        "card": [row for way in drawn for row in _card_rows(next(r for r in rows if r["drawn from"] == way), learnt)],
    }


def row_of(way: str, phrases: NDArray[np.uint8], tunes: Tunes, wanted: Statistics, lowest: int) -> dict[str, Any]:
    distances = statistics(phrases, lowest).distances(wanted)
    looked_at = phrases[:LOOKED_AT]
    empty = sum(len(notes_of(row, lowest)) < 2 for row in looked_at)
    copies = sum(likeness(row, tunes.learnt) >= COPY for row in looked_at)
    return {"drawn from": way, **distances, "mean": _mean(distances), "empty": empty, "copies": int(copies)}


def likeness(row: Notes, known: NDArray[np.uint8]) -> float:
    """Largest share of the steps of a phrase that are the same in a known one. Held steps count only as part of the
    same note."""
    return float((sounding(known) == sounding(row[None])).mean(1).max())


def sounding(phrases: NDArray[np.uint8]) -> NDArray[np.int64]:
    """What sounds at each step of phrases N×T, and when it began, as one number."""
    steps = np.arange(phrases.shape[1])
    begun = np.maximum.accumulate(np.where(phrases != HOLD, steps, 0), axis=1)
    return np.take_along_axis(phrases, begun, 1).astype(np.int64) * phrases.shape[1] + begun


def _mean(distances: dict[str, float]) -> float:
    return round(float(np.mean([distances[key] for key in KEPT])), 4)


def _card_rows(row: dict[str, Any], floor: dict[str, float]) -> list[dict[str, Any]]:
    """What the decoder's card says of samples, as rows of its evaluation."""
    common = {"set": "samples", "baseline": None, "pictures": COUNT}
    condition = f"{row['drawn from']}, against held-out phrases"
    mean = {"metric": "distance of note statistics", "value": row["mean"], "floor": _mean(floor)}
    return [{**common, "condition": condition, **mean}]
