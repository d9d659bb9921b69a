"""The 128 instruments of General MIDI by name."""

from __future__ import annotations

from nitido.errors import FrameMismatch
from nitido.wording import did_you_mean

_NAMES = tuple(
    " ".join(name.split())
    for name in """
    acoustic grand piano, bright acoustic piano, electric grand piano, honky-tonk piano, electric piano 1,
    electric piano 2, harpsichord, clavinet, celesta, glockenspiel, music box, vibraphone, marimba, xylophone,
    tubular bells, dulcimer, drawbar organ, percussive organ, rock organ, church organ, reed organ, accordion,
    harmonica, tango accordion, nylon guitar, steel guitar, jazz guitar, clean guitar, muted guitar, overdriven
    guitar, distortion guitar, guitar harmonics, acoustic bass, fingered bass, picked bass, fretless bass, slap
    bass 1, slap bass 2, synth bass 1, synth bass 2, violin, viola, cello, contrabass, tremolo strings,
    pizzicato strings, orchestral harp, timpani, string ensemble 1, string ensemble 2, synth strings 1, synth
    strings 2, choir aahs, voice oohs, synth voice, orchestra hit, trumpet, trombone, tuba, muted trumpet,
    french horn, brass section, synth brass 1, synth brass 2, soprano sax, alto sax, tenor sax, baritone sax,
    oboe, english horn, bassoon, clarinet, piccolo, flute, recorder, pan flute, blown bottle, shakuhachi,
    whistle, ocarina, square lead, sawtooth lead, calliope lead, chiff lead, charang lead, voice lead, fifths
    lead, bass and lead, new age pad, warm pad, polysynth pad, choir pad, bowed pad, metallic pad, halo pad,
    sweep pad, rain, soundtrack, crystal, atmosphere, brightness, goblins, echoes, sci-fi, sitar, banjo,
    shamisen, koto, kalimba, bagpipe, fiddle, shanai, tinkle bell, agogo, steel drums, woodblock, taiko drum,
    melodic tom, synth drum, reverse cymbal, guitar fret noise, breath noise, seashore, bird tweet, telephone
    ring, helicopter, applause, gunshot
    """.replace("\n", " ").split(",")
)


def instrument_number(text: str) -> int:
    """0..127 for a number, or for a name or a part of it: the first instrument with that word, or else with that part
    of a word. ``piano`` is 0. Raises ``FrameMismatch`` for others."""
    wanted = " ".join(text.lower().split())
    if wanted.isdecimal() and int(wanted) < len(_NAMES):
        return int(wanted)
    if wanted in _NAMES:
        return _NAMES.index(wanted)
    for fits in (lambda name: f" {wanted} " in f" {name} ", lambda name: wanted in name):
        found = [number for number, name in enumerate(_NAMES) if fits(name)]
        if found and wanted:
            return found[0]
    near = did_you_mean(wanted, _NAMES)
    raise FrameMismatch(f"no instrument '{text}'{near or '; expected a number 0 to 127, or a name such as flute'}")


def instrument_name(number: int) -> str:
    return _NAMES[number]
