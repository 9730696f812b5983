"""What a motion shows beside what its sentence says, by kind of fact.

`synthetic.check` tells whether a motion shows exactly what was asked for: a wave with the wrong hand is no wave with
the right one, so every fact about the hand fails. Here an act is read with every side and direction that it could have
had; the one that fits best is what the motion shows, so that a wrong side costs the side and not the action.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product
from typing import Any, NamedTuple

from scalemogen.motion import Motion
from scalemogen.synthetic.acts import Act, acts_of
from scalemogen.synthetic.checks import Facts, carriage, facts_of
from scalemogen.synthetic.measures import Measures
from scalemogen.synthetic.style import SIDES

KINDS = ("action", "side", "direction", "count", "speed", "height", "angle", "style")
"""What a sentence can say."""

_VALUES = {
    "count": "count",
    "speed": "speed",
    "fast enough": "speed",
    "height": "height",
    "high": "height",
    "both feet high": "height",
    "angle": "angle",
}
"""Facts about a value that the sentence names; all others are about the action itself."""

_DIRECTIONS = {
    "walk": ("forward", "left", "right"),
    "sit": ("down", "down and up"),
    "jump": ("up", "forward", "backward", "left", "right"),
    "raise_arms": ("up", "forward", "side"),
    "kick": ("forward", "side"),
    "reach": ("up", "forward", "down", "side"),
    "stand": ("around", "from foot to foot"),
}
_BOTH_SIDES = ("wave", "raise_arms")

CUTS = tuple(0.2 + 0.05 * step for step in range(13))
"""Shares of a motion at which a second act may begin."""

LEAST_FRAMES = 8
"""Frames that an act needs."""


class _Reading(NamedTuple):
    act: Act
    facts: Facts
    misses: int
    """Facts about the action itself that fail."""
    wrong: int
    """Facts about values that fail."""


def read(motion: Motion, attributes: Mapping[str, Any]) -> tuple[dict[str, bool], ...]:
    """Tell for each act of a sentence, by kind, whether the motion shows what the sentence says.

    - "action": the action is there, whatever its side, direction, count, speed.
    - "side", "direction": all facts hold with the stated one, or more of them than with any other.
    - "count", "speed", "height", "angle": as stated, by the side and direction that the motion shows.
    - "style": the carriage at the beginning; with the first act, for styles other than neutral.

    Args:
        motion: on the humanml3d joints.
        attributes: those of a synthetic clip.

    Returns:
        One mapping an act, of the kinds that the sentence states.

    Raises:
        UserError: the attributes are not those of a synthetic clip.
    """
    acts = acts_of(attributes)
    measures = Measures.of(motion)
    tried = [[_readings(part, act) for part, act in zip(parts, acts, strict=True)] for parts in _parts(measures, acts)]
    best = min(tried, key=_failures, default=None)
    if best is None:
        verdicts = [dict.fromkeys(("action", *_stated(act)), False) for act in acts]
    else:
        verdicts = [_verdict(readings, act) for readings, act in zip(best, acts, strict=True)]
    style = attributes.get("style", "neutral")
    if style != "neutral":
        verdicts[0]["style"] = carriage(measures) == style
    return tuple(verdicts)


def _parts(measures: Measures, acts: Sequence[Act]) -> list[tuple[Measures, ...]]:
    """Return the motion, or for two acts its two parts for every cut that leaves each long enough."""
    if len(acts) == 1:
        return [(measures,)]
    frames = len(measures.joints)
    borders = [round(share * frames) for share in CUTS]
    return [
        (measures.part(0, border), measures.part(border, frames))
        for border in borders
        if LEAST_FRAMES <= border <= frames - LEAST_FRAMES
    ]


def _stated(act: Act) -> list[str]:
    """Return "side" and "direction" where the act has one of several."""
    return [
        name
        for name, stated in (
            ("side", act.side is not None),
            ("direction", act.direction in _DIRECTIONS.get(act.action, ())),
        )
        if stated
    ]


def _readings(measures: Measures, act: Act) -> list[_Reading]:
    """Read the act with every side and direction; as it stands first."""
    stated = _stated(act)
    sides = (*SIDES, *(("both",) if act.action in _BOTH_SIDES else ())) if "side" in stated else (act.side,)
    directions = _DIRECTIONS[act.action] if "direction" in stated else (act.direction,)
    others = (replace(act, side=side, direction=direction) for side, direction in product(sides, directions))
    found = []
    for reading in (act, *(other for other in others if other != act)):
        facts = facts_of(measures, reading)
        failed = [name for name, held in facts.items() if not held]
        wrong = sum(name in _VALUES for name in failed)
        found.append(_Reading(reading, facts, len(failed) - wrong, wrong))
    return found


def _shown(readings: list[_Reading]) -> _Reading:
    """Return the reading that fits best; the first of equals."""
    return min(readings, key=lambda reading: (reading.misses, reading.wrong))


def _failures(acts: list[list[_Reading]]) -> tuple[int, int, int]:
    """Rank a cut: what no reading explains, what the sentence itself fails in, then values."""
    shown, stated = [_shown(readings) for readings in acts], [readings[0] for readings in acts]
    return (
        sum(reading.misses for reading in shown),
        sum(reading.misses + reading.wrong for reading in stated),
        sum(reading.wrong for reading in shown),
    )


def _verdict(readings: list[_Reading], act: Act) -> dict[str, bool]:
    shown = _shown(readings)
    verdict = {"action": shown.misses == 0}
    for name in _stated(act):
        mine = min(r.misses for r in readings if getattr(r.act, name) == getattr(act, name))
        other = min(r.misses for r in readings if getattr(r.act, name) != getattr(act, name))
        verdict[name] = mine < other or mine == 0
    for name, held in shown.facts.items():
        if name in _VALUES:
            verdict[_VALUES[name]] = held
    return verdict
