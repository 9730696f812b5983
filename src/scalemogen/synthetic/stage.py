"""The stage: actions write footsteps and posture keys on it, one after another; it plays them as a motion.

T frames; metres and seconds; posture keys in the units of `style.POSTURE`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from scalemogen.synthetic.body import SIGN, Body, Pose, hips, solve
from scalemogen.synthetic.curves import Array, pchip, ramp, smooth, soft_min
from scalemogen.synthetic.dice import Dice
from scalemogen.synthetic.footsteps import Footing, FootPath, Step, ground_path, trace
from scalemogen.synthetic.style import POSTURE, SIDES, STYLES

_REACH = 0.996
_BLUR = 0.035
_WANDER = {
    "pelvis_lean": 0.6,
    "chest_pitch": 0.9,
    "chest_lean": 0.8,
    "chest_twist": 1.2,
    "head_pitch": 1.6,
    "head_yaw": 2.5,
    "head_lean": 1.2,
    "left_front": 1.5,
    "right_front": 1.5,
    "left_side": 1.0,
    "right_side": 1.0,
    "left_bend": 2.0,
    "right_bend": 2.0,
    "forward": 0.004,
    "left": 0.005,
}


class Stage:
    """Score and player of one clip.

    Args:
        body: the person.
        style: name of a style.
        dice: source of all variation.

    Attributes:
        time: where the next action begins, seconds.
        feet: where left and right foot stand at that time.
    """

    def __init__(self, body: Body, style: str, dice: Dice) -> None:
        self.body = body
        self.style = STYLES[style]
        self.dice = dice
        self.time = dice.uniform(0.15, 0.4)
        self.base = self._carriage()
        spread = body.stance * dice.around(1.0, 0.08)
        toes = math.radians(dice.around(8.0, 2.0))
        self.spread, self.toes = spread, toes
        self.feet = [Footing(spread, 0.0, toes), Footing(-spread, 0.0, -toes)]
        self.start = (self.feet[0], self.feet[1])
        self.steps: list[Step] = []
        self.keys: dict[str, list[tuple[float, float]]] = {}
        self.waves: list[tuple[str, float, float, float, int]] = []

    def _carriage(self) -> dict[str, float]:
        """Draw this person's natural posture."""
        base = {**POSTURE, **self.style.posture}
        for name, spread in _WANDER.items():
            base[name] += 1.5 * spread * self.dice.around(0.0, 0.5)
        return base

    # -- where the body is -------------------------------------------------------------------------------------------

    @property
    def heading(self) -> float:
        """Radians to the left of +Z at the end of what is planned."""
        return 0.5 * (self.feet[0].yaw + self.feet[1].yaw)

    @property
    def place(self) -> tuple[float, float]:
        """Middle between the feet (x, z) at the end of what is planned."""
        left, right = self.feet
        return 0.5 * (left.x + right.x), 0.5 * (left.z + right.z)

    def footing(self, foot: int, forward: float, left: float, turn: float = 0.0) -> Footing:
        """Return a place for a foot, seen from `place` and `heading`; a foot's natural distance is not included."""
        return self.beside(foot, (*self.place, self.heading + turn), forward, left)

    def beside(self, foot: int, centre: tuple[float, float, float], forward: float, left: float) -> Footing:
        """Return a place for a foot, seen from a point of the floor (x, z) and a direction."""
        x, z, yaw = centre
        sine, cosine = math.sin(yaw), math.cos(yaw)
        sign = float(SIGN[foot])
        return Footing(x + sine * forward + cosine * left, z + cosine * forward - sine * left, yaw + sign * self.toes)

    # -- writing -----------------------------------------------------------------------------------------------------

    def step(self, step: Step) -> None:
        """Plan a step; the style adds its own manner of stepping."""
        manner = math.radians(self.style.strike)
        styled = replace(
            step,
            clearance=step.clearance * (self.style.clearance if step.clearance < 0.15 else 1.0),
            strike=step.strike + manner if step.strike > 0.0 else step.strike,
        )
        self.steps.append(styled)
        self.feet[step.foot] = step.to

    def key(self, time: float, values: Mapping[str, float]) -> None:
        """Ask for posture values at a time. Channels without a key yet are held at rest until their first `rest`."""
        for name, value in values.items():
            self.keys.setdefault(name, []).append((time, value))

    def rest(self, time: float, names: Iterable[str]) -> None:
        """Ask for the natural posture of some channels at a time."""
        self.key(time, {name: self.base[name] for name in names})

    def gesture(self, times: Sequence[float], poses: Sequence[Mapping[str, float]]) -> None:
        """Move from rest through poses and back to rest.

        Args:
            times: one more than poses at either end: start, each pose, end.
            poses: the same channels in each.
        """
        names = list(poses[0])
        self.rest(times[0], names)
        for time, pose in zip(times[1:-1], poses, strict=True):
            self.key(time, pose)
        self.rest(times[-1], names)

    def hold(self, start: float, end: float, pose: Mapping[str, float], ease: float = 0.3) -> None:
        """Move to a pose within `ease` seconds, hold it, and be back at rest at `end`."""
        ease = min(ease, 0.45 * (end - start))
        self.gesture((start, start + ease, end - ease, end), (pose, pose))

    def wave(self, name: str, start: float, end: float, amplitude: float, count: int) -> None:
        """Add `count` sine periods between two times to a channel."""
        self.waves.append((name, start, end, amplitude, count))

    # -- playing -----------------------------------------------------------------------------------------------------

    def play(self, fps: float, seconds: float) -> tuple[Array, Array]:
        """Return the root's position (T, 3) and every joint's rotation in the world (T, J, 3, 3)."""
        times = np.arange(max(2, round(seconds * fps))) / fps
        sheet = self._sheet(times, fps, seconds)
        paths = [
            trace(
                self.body,
                self.start[foot],
                sorted((s for s in self.steps if s.foot == foot), key=lambda s: s.lift),
                np.radians(np.maximum(sheet[f"{side}_heel"], 0.0)),
                times,
            )
            for foot, side in enumerate(SIDES)
        ]
        ground = ground_path(self.start, self.steps, times)
        floor = smooth(np.column_stack((ground.position, ground.heading)), 0.07 * fps)
        pose = self._pose(sheet, paths, floor, fps)
        return pose.root, solve(self.body, pose)

    def _sheet(self, times: Array, fps: float, seconds: float) -> dict[str, Array]:
        """Evaluate every channel of `style.POSTURE`, each (T,)."""
        names = list(POSTURE)
        table = np.tile([self.base[name] for name in names], (len(times), 1))
        together: dict[tuple[float, ...], list[str]] = {}
        for name in self.keys:
            together.setdefault(tuple(time for time, _ in self._knots(name)), []).append(name)
        for knots, group in together.items():
            values = np.array([[value for _, value in self._knots(name)] for name in group]).T
            table[:, [names.index(name) for name in group]] = pchip(times, np.array(knots), values)
        for name, start, end, amplitude, count in self.waves:
            phase = np.clip((times - start) / (end - start), 0.0, 1.0)
            envelope = ramp(phase, 0.0, 0.12) * ramp(1.0 - phase, 0.0, 0.12)
            table[:, names.index(name)] += amplitude * envelope * np.sin(2.0 * np.pi * count * phase)
        table = smooth(table, _BLUR * fps)
        table[:, [names.index(name) for name in _WANDER]] += self._drift(times, seconds)
        return dict(zip(names, table.T, strict=True))

    def _knots(self, name: str) -> list[tuple[float, float]]:
        """Return a channel's keys in the order of time; of two at about the same time the first counts."""
        ordered = sorted(self.keys[name], key=lambda knot: knot[0])
        return [ordered[0], *(b for a, b in pairwise(ordered) if b[0] > a[0] + 0.01)]

    def _drift(self, times: Array, seconds: float) -> Array:
        """Slow random curves (T, W), one for each entry of `_WANDER`, about as large as these say."""
        count = 3 + int(seconds / 0.7)
        knots = np.linspace(-0.5, seconds + 0.5, count)
        values = np.array([[self.dice.around(0.0, 0.5) for _ in _WANDER] for _ in range(count)])
        return pchip(times, knots, values) * (np.array(list(_WANDER.values())) * self.style.wander)

    def _pose(self, sheet: dict[str, Array], paths: list[FootPath], floor: Array, fps: float) -> Pose:
        leg = self.body.leg
        heading = floor[:, 2]
        sine, cosine = np.sin(heading), np.cos(heading)
        ankles = np.stack([path.ankle for path in paths], axis=1)
        feet = np.stack([np.stack((path.yaw, path.pitch), axis=-1) for path in paths], axis=1)
        apart = ankles[:, 1] - ankles[:, 0]
        stride = smooth((apart[:, 0] * sine + apart[:, 2] * cosine) / leg, 0.04 * fps)
        swing = sheet["swing"] * stride
        weight = smooth(paths[0].planted.astype(np.float64) - paths[1].planted, 0.08 * fps)
        trunk = self._trunk(sheet, heading, swing, weight)
        arms = self._arms(sheet, swing)
        forward, left = sheet["forward"] * leg, sheet["left"] * leg
        root = np.empty((len(heading), 3))
        root[:, 0] = floor[:, 0] + sine * forward + cosine * left
        root[:, 2] = floor[:, 1] + cosine * forward - sine * left
        root[:, 1] = self.body.standing + (sheet["up"] + sheet["bounce"] * np.abs(weight)) * leg
        base = trunk[:, 3].copy()
        base[:, 1:] *= 1.0 - sheet["hang"][:, None]
        turned = np.stack([sheet[f"{side}_knee"] for side in SIDES], axis=1)
        knees = 0.5 * (heading[:, None] + feet[..., 0]) + np.radians(turned) * SIGN
        pose = Pose(root, trunk, base, arms, ankles, feet, knees)
        bound = np.stack([path.bound for path in paths], axis=1)
        return replace(pose, root=self._within_reach(pose, bound, fps))

    def _trunk(self, sheet: dict[str, Array], heading: Array, swing: Array, weight: Array) -> Array:
        """Angles (T, 6, 3) of pelvis, three spine joints, neck and head."""

        def angles(part: str, turn: str) -> Array:
            return np.stack([sheet[f"{part}_{turn}"], sheet[f"{part}_pitch"], sheet[f"{part}_lean"]], axis=-1)

        pelvis, chest, head = angles("pelvis", "twist"), angles("chest", "twist"), angles("head", "yaw")
        pelvis[:, 0] += 9.0 * swing
        pelvis[:, 2] -= 4.0 * weight * np.abs(sheet["swing"]).clip(0.0, 1.0)
        chest[:, 0] -= 8.0 * swing
        chest[:, 2] += 1.5 * weight * np.abs(sheet["swing"]).clip(0.0, 1.0)
        share = np.array([0.0, 0.3, 0.65, 1.0])[:, None]
        spine: Array = pelvis[:, None] * (1.0 - share) + chest[:, None] * share
        neck = 0.5 * (chest + head)
        trunk: Array = np.radians(np.concatenate((spine, neck[:, None], head[:, None]), axis=1))
        trunk[..., 0] += heading[:, None]
        return trunk

    def _arms(self, sheet: dict[str, Array], swing: Array) -> Array:
        """Angles (T, 2, 4)."""
        names = ("front", "side", "inward", "bend")
        arms = np.stack([np.stack([sheet[f"{side}_{n}"] for n in names], axis=-1) for side in SIDES], axis=1)
        away = np.stack((swing, -swing), axis=1)
        arms[..., 0] += 30.0 * away
        arms[..., 3] += 18.0 * np.maximum(away, 0.0) + 4.0 * np.abs(away)
        arms[..., 3] = np.maximum(arms[..., 3], 2.0)
        turns: Array = np.radians(arms)
        return turns

    def _within_reach(self, pose: Pose, bound: Array, fps: float) -> Array:
        """Lower the pelvis smoothly to where both legs reach the feet; returns the root (T, 3)."""
        gap = hips(self.body, pose) - pose.ankles
        level = (gap[..., [0, 2]] ** 2).sum(axis=-1)
        tall = np.sqrt(np.maximum((_REACH * self.body.leg) ** 2 - level, (0.3 * self.body.leg) ** 2))
        spare = np.where(bound, tall - gap[..., 1], 1.0)
        lift = soft_min(soft_min(spare[:, 0], spare[:, 1], 0.004), 0.0, 0.004)
        root = pose.root.copy()
        root[:, 1] += smooth(lift, 0.065 * fps)
        return root
