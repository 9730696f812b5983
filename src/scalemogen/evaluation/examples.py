"""A few motions of an evaluation to look at: real, reconstructed and generated for the same sentences."""

from __future__ import annotations

from dataclasses import dataclass

from scalemogen.motion import Motion

EXAMPLES = 6
"""Sentences of each split."""


@dataclass(frozen=True)
class Example:
    """One sentence.

    Attributes:
        caption: the sentence.
        motions: row of the table -> its motion, as a user sees it.
    """

    caption: str
    motions: dict[str, Motion]
