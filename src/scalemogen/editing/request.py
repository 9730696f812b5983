"""What is asked of an edit, with strengths that have names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from types import MappingProxyType
from typing import Any

from scalemogen.errors import UserError


@dataclass(frozen=True)
class Strength:
    """How much of the source an edit keeps inside its region.

    Attributes:
        kept_scales: share of the scales, coarsest first, whose bits all stay; γ is this share of K, rounded.
        tau: a later bit is drawn again where the new sentence makes it less probable by more than this; None = every
            bit is drawn afresh, whatever the source was.
    """

    kept_scales: float
    tau: float | None


STRENGTHS: Mapping[str, Strength] = MappingProxyType(
    {
        "subtle": Strength(0.5, 0.3),
        "medium": Strength(0.27, 0.1),
        "strong": Strength(0.0, 0.0),
        "full": Strength(0.0, None),
    }
)
"""Names for people. "medium" is the paper's γ = 3 of 11 and τ = 0.1; "full" keeps nothing inside the region."""


def check_range(frames: object) -> None:
    """Refuse what is no pair of whole numbers.

    Raises:
        UserError: saying what a range of frames is.
    """
    numbers = list(frames) if isinstance(frames, Sequence) else []
    if len(numbers) != 2 or not all(isinstance(number, Integral) for number in numbers):
        raise UserError(f"{frames!r} is no range of frames; give (first, after the last), such as (20, 60)")


def check_ranges(several: object) -> None:
    """Refuse what is no list of ranges of frames.

    Raises:
        UserError: see `check_range`.
    """
    for frames in several if isinstance(several, Sequence) else [several]:
        check_range(frames)


def _any(value: Any) -> Any:
    """Return a value that may be of another type than it should."""
    return value


@dataclass(frozen=True)
class EditRequest:
    """One edit.

    Attributes:
        text: what the result is to show.
        source_text: what the motion shows; None = not known.
        parts: names of body parts that may change; None = all.
        frames: (first, after the last) frame that may change, counted in the motion as given; None = all. Together with
            `parts`: those parts within these frames.
        strength: a name of `STRENGTHS`.
        gamma: γ, coarse scales that are kept; default: the strength's.
        tau: τ in 0..1; default: the strength's.
        seed: of the random numbers.
        compose: take the given motion itself outside the region, rather than what the decoder makes of it.
        stay: let the motion after `frames` keep its place in the world, with the path inside bent to reach it. By
            default it goes on from where the edited frames end.

    Raises:
        UserError: an empty sentence, an unknown strength, frames that are no range, γ or τ out of range.
    """

    text: str
    source_text: str | None = None
    parts: tuple[str, ...] | None = None
    frames: tuple[int, int] | None = None
    strength: str = "medium"
    gamma: int | None = None
    tau: float | None = None
    seed: int = 0
    compose: bool = True
    stay: bool = False

    def __post_init__(self) -> None:
        for text in (self.text, "given" if self.source_text is None else self.source_text):
            if not isinstance(text, str):
                raise UserError(f"{text!r} is no sentence; give text")
        if not self.text.strip():
            raise UserError("the sentence is empty; say what the edited motion is to show")
        if self.source_text is not None and not self.source_text.strip():
            raise UserError("the sentence of the source is empty; leave it away if it is not known")
        if self.strength not in STRENGTHS:
            raise UserError(f"unknown strength '{self.strength}'; choose from {', '.join(STRENGTHS)}")
        if self.frames is not None:
            check_range(self.frames)
        gamma, tau = _any(self.gamma), _any(self.tau)
        if gamma is not None and not isinstance(gamma, Integral):
            raise UserError(f"gamma is {self.gamma!r}; it counts scales, so it must be a whole number")
        if tau is not None and not (isinstance(tau, Real) and 0.0 <= float(tau) <= 1.0):
            raise UserError(f"tau is {self.tau}; a difference of probabilities lies in 0 to 1")

    def rule(self, scales: int) -> tuple[int, float | None]:
        """Return (γ, τ) for a model of K scales; τ None = every later bit is drawn without regard to the source."""
        usual = STRENGTHS[self.strength]
        gamma = round(usual.kept_scales * scales) if self.gamma is None else self.gamma
        return gamma, usual.tau if self.tau is None else self.tau
