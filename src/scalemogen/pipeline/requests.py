"""What users may ask of a model: sentences, seeds and lengths, checked before anything is computed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

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
    """Refuse an empty list and empty sentences.

    Raises:
        UserError: naming the sentence.
    """
    if isinstance(texts, str):
        raise UserError(f"{texts!r} is one sentence; give a list of sentences")
    if not texts:
        raise UserError("no sentence given; say what the person does")
    for number, text in enumerate(texts, start=1):
        if not text.strip():
            which = f"sentence {number} of {len(texts)}" if len(texts) > 1 else "the sentence"
            raise UserError(f"{which} is empty; say what the person does")


def seed_each(count: int, seed: int | Sequence[int]) -> list[int]:
    """Return the seed of each of `count` motions.

    Args:
        count: how many.
        seed: one each; or one number, which is the first motion's: the next one has the next number.

    Raises:
        UserError: another number of seeds, or one outside 0..2^32-1.
    """
    seeds = list(range(seed, seed + count)) if isinstance(seed, int) else list(seed)
    if len(seeds) != count:
        raise UserError(f"{len(seeds)} seeds for {count} sentences; give one, or one each")
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
) -> list[int]:
    """Return the frames of each of `count` motions.

    Args:
        count: how many.
        seconds: one for all or one each; either this or `frames` is given.
        frames: the same in frames.
        fps: frames per second.
        shortest: fewest frames allowed.
        longest: most frames allowed.

    Raises:
        UserError: both or none given, another number of lengths, or one outside the limits.
    """
    if (seconds is None) == (frames is None):
        raise UserError("give the length as either seconds or frames")
    given: float | Sequence[float] = seconds if seconds is not None else frames if frames is not None else 0
    values = [given] * count if isinstance(given, int | float) else list(given)
    if len(values) != count:
        raise UserError(f"{len(values)} lengths for {count} sentences; give one, or one each")
    lengths = []
    for value in values:
        length = value * fps if seconds is not None else value
        if not (math.isfinite(length) and shortest <= round(length) <= longest):
            unit = "seconds" if seconds is not None else "frames"
            raise UserError(
                f"{value:g} {unit}: this model makes motions of {shortest / fps:.2f} to {longest / fps:.2f} seconds"
                f" ({shortest} to {longest} frames at {fps:g} frames per second)"
            )
        lengths.append(round(length))
    return lengths
