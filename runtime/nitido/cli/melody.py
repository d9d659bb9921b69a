"""``nitido melody``: a piece of several phrases as MIDI, sound and piano roll."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from nitido.cli.options import LATENT_MODEL, device_option, threads_option
from nitido.wording import count

if TYPE_CHECKING:
    from nitido.latent.melody import Notes

_KINDS = (".mid", ".midi", ".wav", ".png")


@click.command("melody", short_help="Make a piece of several phrases: MIDI, sound, piano roll.")
@click.option(
    "--model", type=LATENT_MODEL, default="vae-melody", show_default=True, help="Model name, or file of either half."
)
@click.option(
    "-o",
    "--output",
    "outputs",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="File to write: .mid, .wav or .png (piano roll); repeatable.",
)
@click.option("--wav", "wav", type=click.Path(path_type=Path, dir_okay=False), help="The same as -o with a .wav file.")
@click.option("--phrases", type=click.IntRange(1, 1000), default=8, show_default=True, help="Phrases of four bars.")
@click.option(
    "--step",
    type=click.FloatRange(0, 1),
    default=0.35,
    show_default=True,
    help="How far each phrase is from the one before; 0 repeats it, 1 is independent of it.",
)
@click.option("--start", type=click.Path(path_type=Path, dir_okay=False), help="MIDI file to start from.")
@click.option("--seed", type=click.IntRange(0), help="The same seed gives the same piece.  [default: random]")
@click.option("--temperature", type=click.FloatRange(0), default=1.0, show_default=True, help="Below 1: more ordinary.")
@click.option("--tempo", type=click.FloatRange(20, 400), default=120, show_default=True, help="Beats a minute.")
@click.option("--instrument", default="piano", show_default=True, help="General MIDI instrument: its name or number.")
@click.option("--soundfont", type=click.Path(path_type=Path, dir_okay=False, exists=True), help="Sound font for .wav.")
@click.option("--overwrite", is_flag=True, help="Replace files that exist.")
@device_option
@threads_option
def melody(
    model: str,
    outputs: tuple[Path, ...],
    wav: Path | None,
    phrases: int,
    step: float,
    start: Path | None,
    seed: int | None,
    temperature: float,
    tempo: float,
    instrument: str,
    soundfont: Path | None,
    overwrite: bool,
    device: str,
    threads: int | None,
) -> None:
    """Make a piece by walking through the latent space of a melody model.

    Each phrase is a step away from the one before. Sound is made with a sound font where tinysoundfont or fluidsynth
    and a font are installed, else with a simple synthesizer.
    """
    import numpy as np

    from nitido.errors import FrameMismatch
    from nitido.latent.autoencoder import load_decoder, load_encoder
    from nitido.latent.instruments import instrument_name, instrument_number
    from nitido.latent.melody import read_midi
    from nitido.latent.sampling import decode_each
    from nitido.latent.walk import joined, walk
    from nitido.system.files import refuse_existing

    paths = [*outputs, *([wav] if wav else [])]
    wrong = [path for path in paths if path.suffix.lower() not in _KINDS]
    if not paths or wrong:
        found = f"; found {wrong[0]}" if wrong else ""
        raise click.UsageError(f"-o expects names ending in {', '.join(_KINDS)}{found}")
    if wav and wav.suffix.lower() != ".wav":
        raise click.UsageError(f"--wav expects a name ending in .wav; found {wav}")
    program = instrument_number(instrument)
    refuse_existing(paths, overwrite=overwrite)
    decoder = load_decoder(model, device, threads=threads)
    space = decoder.space
    if space.medium != "melody":
        raise FrameMismatch(f"{space.name} makes pictures; expected a model of melodies, such as vae-melody")
    first = None
    if start:
        encoder = load_encoder(model, device, threads=threads)
        row = read_midi(start, space.steps, space.steps_per_beat, space.lowest, space.pitches)
        first = encoder(row).mean
    if seed is None:
        seed = int(np.random.default_rng().integers(2**32))
    z = walk(space, phrases, step, seed, start=first, temperature=temperature)
    rows = list(decode_each(decoder, z, None))
    notes = joined(rows)
    seconds = len(notes) / space.steps_per_beat * 60 / tempo
    played = f"{seconds:.0f} s, {instrument_name(program)} ({program})"
    click.echo(f"{count(phrases, 'phrase')} by {space.name}, {played}, seed {seed}")
    sounds = (space.steps_per_beat, space.lowest, tempo, program)
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        click.echo(f"-> {path}{_write(path, notes, rows, sounds, space.pitches, soundfont)}")


def _write(
    path: Path,
    notes: Notes,
    rows: list[Notes],
    sounds: tuple[int, int, float, int],
    pitches: int,
    soundfont: Path | None,
) -> str:
    """Writes one file and returns a note about it."""
    from nitido.latent.melody import piano_roll_of_phrases, write_midi
    from nitido.latent.synthesizer import write_wav

    kind = path.suffix.lower()
    if kind == ".wav":
        return f", played by {write_wav(path, notes, *sounds, soundfont)}"
    if kind == ".png":
        from nitido.images.io import Picture, write_picture

        write_picture(path, Picture(piano_roll_of_phrases(rows, sounds[0], sounds[1], pitches)))
        return ""
    write_midi(path, notes, *sounds)
    return ""
