"""Styles: how a person carries the body, and what that does to every action."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

POSTURE: Mapping[str, float] = {
    "pelvis_pitch": 3.0,
    "pelvis_lean": 0.0,
    "pelvis_twist": 0.0,
    "chest_pitch": 2.0,
    "chest_lean": 0.0,
    "chest_twist": 0.0,
    "head_pitch": 4.0,
    "head_yaw": 0.0,
    "head_lean": 0.0,
    "left_front": 4.0,
    "right_front": 4.0,
    "left_side": 9.0,
    "right_side": 9.0,
    "left_inward": 18.0,
    "right_inward": 18.0,
    "left_bend": 20.0,
    "right_bend": 20.0,
    "left_heel": 0.0,
    "right_heel": 0.0,
    "left_knee": 0.0,
    "right_knee": 0.0,
    "up": 0.0,
    "forward": 0.02,
    "left": 0.0,
    "hang": 0.7,
    "swing": 0.0,
    "bounce": 0.0,
}
"""Natural standing: degrees, except up / forward / left (pelvis against its place over the feet, in leg lengths), hang
(how far arms hang straight down however the chest tips, 0..1), swing (how far arms and trunk follow the legs), and
bounce (how far the body rises over each standing leg, in leg lengths)."""


@dataclass(frozen=True)
class Style:
    """A way to move.

    Attributes:
        posture: entries that replace those of `POSTURE`.
        tempo: factor on durations; above 1 is slower.
        reach: factor on the size of gestures.
        stride: factor on step lengths.
        swing: factor on the arms' swing in gait.
        clearance: factor on the height of the feet in steps.
        bounce: rise over each standing leg, in leg lengths.
        strike: degrees that toes are up when a foot lands (negative: lands on the ball), added to the action's.
        wander: factor on the slow drift of every joint.
    """

    posture: Mapping[str, float] = field(default_factory=dict)
    tempo: float = 1.0
    reach: float = 1.0
    stride: float = 1.0
    swing: float = 1.0
    clearance: float = 1.0
    bounce: float = 0.0
    strike: float = 0.0
    wander: float = 1.0


STYLES: Mapping[str, Style] = {
    "neutral": Style(),
    "tired": Style(
        posture={
            "chest_pitch": 24.0,
            "pelvis_pitch": 4.0,
            "head_pitch": 40.0,
            "left_front": 8.0,
            "right_front": 8.0,
            "left_bend": 12.0,
            "right_bend": 12.0,
            "left_side": 7.0,
            "right_side": 7.0,
            "up": -0.02,
        },
        tempo=1.25,
        reach=0.86,
        stride=0.75,
        swing=0.55,
        clearance=0.65,
        strike=-8.0,
        wander=1.2,
    ),
    "happy": Style(
        posture={
            "chest_pitch": -5.0,
            "head_pitch": -7.0,
            "left_side": 17.0,
            "right_side": 17.0,
            "left_bend": 38.0,
            "right_bend": 38.0,
        },
        tempo=0.9,
        reach=1.06,
        stride=1.05,
        swing=1.7,
        clearance=1.35,
        bounce=0.035,
        wander=1.5,
    ),
    "sneaky": Style(
        posture={
            "chest_pitch": 30.0,
            "pelvis_pitch": 15.0,
            "head_pitch": 2.0,
            "left_front": 30.0,
            "right_front": 30.0,
            "left_side": 20.0,
            "right_side": 20.0,
            "left_inward": 25.0,
            "right_inward": 25.0,
            "left_bend": 85.0,
            "right_bend": 85.0,
            "up": -0.11,
            "left_heel": 6.0,
            "right_heel": 6.0,
        },
        tempo=1.2,
        reach=0.95,
        stride=0.85,
        swing=0.6,
        clearance=1.7,
        strike=-16.0,
        wander=0.8,
    ),
}
"""Styles by name."""

SIDES = ("left", "right")
