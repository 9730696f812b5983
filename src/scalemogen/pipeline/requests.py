"""What users may ask of a model: sentences, seeds and lengths, checked before anything is computed."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

from scalemogen.errors import UserError

SEEDS = 2**32
"""How many there are: torch's generators on the CPU look at no more bits than these."""
LONGEST_SECONDS = 600.0
"""Of one sentence, where a motion is made window by window."""


@dataclass(frozen=True)
class Request:
    """One motion to generate."""

    text: str
    frames: int
    seed: int


def check_texts(texts: Sequence[str]) -> None:
    """Refuse an empty list, empty sentences and what is no sentence.

    Raises:
        UserError: naming the sentence.
    """
    if isinstance(texts, str):
        raise UserError(f"{texts!r} is one sentence; give a list of sentences")
    if not isinstance(texts, Sequence):
        raise UserError(f"{texts!r} is no sentence; give text, or a list of sentences")
    if not texts:
        raise UserError("no sentence given; say what the person does")
    for number, text in enumerate(texts, start=1):
        if not isinstance(text, str):
            raise UserError(f"{text!r} is no sentence; give text")
        if not text.strip():
            which = f"sentence {number} of {len(texts)}" if len(texts) > 1 else "the sentence"
            raise UserError(f"{which} is empty; say what the person does")


def seed_each(count: int, seed: int | Sequence[int]) -> list[int]:
    """Return the seed of each of `count` motions.

    Args:
        count: how many.
        seed: one each; or one number, which is the first motion's: the next one has the next number.

    Raises:
        UserError: another number of seeds, one that is no whole number, or one outside 0..2^32-1.
    """
    given = list_numbers("seed", seed, whole=True)
    seeds = [given[0] + number for number in range(count)] if isinstance(seed, Integral) else given
    if len(seeds) != count:
        raise UserError(f"{_counted(seeds, 'seed')} for {_counted(range(count), 'sentence')}; give one, or one each")
    for value in seeds:
        if not 0 <= value < SEEDS:
            raise UserError(f"seed {value}: must be at least 0 and below 2^32")
    return seeds


def frames_each(
    count: int,
    seconds: float | Sequence[float] | None,
    frames: int | Sequence[int] | None,
    *,
    fps: float,
    shortest: int,
    longest: int,
    made: str = "this model makes motions of",
) -> list[int]:
    """Return the frames of each of `count` motions.

    Args:
        count: how many.
        seconds: one for all or one each; either this or `frames` is given.
        frames: the same in frames.
        fps: frames per second.
        shortest: fewest frames allowed.
        longest: most frames allowed.
        made: what a message says before these limits.

    Raises:
        UserError: both or none given, another number of lengths, one that is no (whole) number or outside the limits.
    """
    if (seconds is None) == (frames is None):
        raise UserError("give the length as either seconds or frames")
    given: object = frames if seconds is None else seconds
    values = list_numbers("frames" if seconds is None else "seconds", given, whole=seconds is None)
    values = values * count if isinstance(given, Real) else values
    if len(values) != count:
        raise UserError(f"{_counted(values, 'length')} for {_counted(range(count), 'sentence')}; give one, or one each")
    lengths = []
    for value in values:
        length = value * fps if seconds is not None else value
        if not (math.isfinite(length) and shortest <= round(length) <= longest):
            unit = "seconds" if seconds is not None else "frames"
            raise UserError(
                f"{value:g} {unit}: {made} {shortest / fps:.2f} to {longest / fps:.2f} seconds"
                f" ({shortest} to {longest} frames at {fps:g} frames per second)"
            )
        lengths.append(round(length))
    return lengths


def list_numbers(name: str, given: object, whole: bool) -> list[Any]:
    """Return a number, or each of several, as Python's own; numpy's are numbers too.

    Raises:
        UserError: it is neither, or not whole where it must be.
    """
    values: list[Any] = list(given) if isinstance(given, Iterable) and not isinstance(given, str) else [given]
    for value in values:
        if not isinstance(value, Integral if whole else Real):
            raise UserError(f"{name} is {value!r}; give a {'whole ' if whole else ''}number, or several in a list")
    return [int(value) if whole else float(value) for value in values]


def is_whole(value: object) -> bool:
    """Return whether a value is a whole number, Python's or numpy's."""
    return isinstance(value, Integral)


def _counted(things: Sequence[object], name: str) -> str:
    return f"{len(things)} {name}{'' if len(things) == 1 else 's'}"
