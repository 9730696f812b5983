"""Footsteps: where each foot stands and when it swings, as ankle paths that do not slide in stance.

A foot in stance turns about its heel (toes up, after landing) or about its ball (heel up, before lifting), so the
point it turns about rests on the floor. T frames; metres, radians, seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from scalemogen.synthetic.body import Body
from scalemogen.synthetic.curves import Array, pchip, quintic, soft_min

_HEEL = 0.05
_CLEAR = 0.025
_INSTANT = 1e-3


@dataclass(frozen=True)
class Footing:
    """A place on the floor: the point under the ankle of a flat foot, and the direction of the toes.

    Attributes:
        x, z: metres.
        yaw: radians to the left of +Z.
    """

    x: float
    z: float
    yaw: float


@dataclass(frozen=True)
class Via:
    """A point that a swinging foot passes: time, ankle position, and toes up."""

    time: float
    position: tuple[float, float, float]
    pitch: float


@dataclass(frozen=True)
class Step:
    """One swing of one foot.

    Attributes:
        foot: 0 left, 1 right.
        lift, land: seconds.
        to: where it lands.
        clearance: how far the ankle rises over the line from start to end.
        off: how far the heel is up when the toes leave the floor.
        strike: how far the toes are up (negative: the heel) when the foot lands.
        roll: seconds over which the heel rises before the lift.
        settle: seconds until the landed foot is flat.
        rise, fall: exponents of the lifting curve s^rise (1-s)^fall; 1 and 1 is the parabola of a flight.
        via: points on the way, in the order of time, instead of the lifting curve.
        reachable: whether the pelvis must stay within the reach of this foot while it swings.
        sway: how far the pelvis moves over the other foot meanwhile, 0..1.
        held: whether the pelvis rests over the other foot for the whole swing.
    """

    foot: int
    lift: float
    land: float
    to: Footing
    clearance: float = 0.08
    off: float = 0.0
    strike: float = 0.0
    roll: float = 0.25
    settle: float = 0.12
    rise: float = 3.0
    fall: float = 3.0
    via: tuple[Via, ...] = ()
    reachable: bool = True
    sway: float = 0.3
    held: bool = False


@dataclass(frozen=True)
class FootPath:
    """One foot over time.

    Attributes:
        ankle: (T, 3).
        yaw, pitch: (T,) direction of the toes in the floor plane, and toes up.
        bound: (T,) bool, True where the pelvis must stay within reach.
        planted: (T,) bool, True in stance.
    """

    ankle: Array
    yaw: Array
    pitch: Array
    bound: Array = field(repr=False)
    planted: Array = field(repr=False)


def trace(body: Body, start: Footing, steps: Sequence[Step], heel: Array, times: Array) -> FootPath:
    """Follow one foot through its steps.

    Args:
        body: gives the size of the foot.
        start: where it stands at first.
        steps: its steps in the order of time, not overlapping.
        heel: (T,) how far the heel is up beside what the steps ask for, e.g. standing on tiptoe.
        times: (T,) seconds.
    """
    edges = np.array([t for s in steps for t in (s.lift - _INSTANT, s.lift, s.land, s.land + _INSTANT)])
    everywhere = np.concatenate((times, edges))
    pitch = pchip(everywhere, *_pitch_knots(steps))
    pitch[: len(times)] -= heel
    if len(edges):
        pitch[len(times) :] -= np.interp(edges, times, heel)
    stands = [start, *(s.to for s in steps)]
    cell = np.searchsorted(np.array([0.5 * (s.lift + s.land) for s in steps]), everywhere)
    place = np.array([(f.x, f.z, f.yaw) for f in stands])[cell]
    ankle = _stance(body, place, pitch)
    corners = ankle[len(times) :].reshape(len(steps), 4, 3)
    ankle = ankle[: len(times)]
    bound, planted = np.ones(len(times), dtype=bool), np.ones(len(times), dtype=bool)
    for step, corner in zip(steps, corners, strict=True):
        inside = (times > step.lift) & (times < step.land)
        if inside.any():
            ankle[inside] = _swing(body, step, corner, times[inside], pitch[: len(times)][inside])
            planted &= ~inside
            if not step.reachable:
                bound &= ~inside
    return FootPath(ankle, _yaw(start, steps, times), pitch[: len(times)], bound, planted)


def _pitch_knots(steps: Sequence[Step]) -> tuple[Array, Array]:
    knots = [(-1.0, 0.0)]
    for step in steps:
        flat = max(step.lift - step.roll, knots[-1][0] + 0.02)
        span = step.land - step.lift
        knots.append((min(flat, step.lift - 0.02), 0.0))
        knots.append((step.lift, -step.off))
        if step.via:
            knots += [(point.time, point.pitch) for point in step.via]
        elif step.off > 0.0:
            knots.append((step.lift + 0.18 * span, -1.2 * step.off))
        knots.append((step.land, step.strike))
        knots.append((step.land + step.settle, 0.0))
    table = np.array(knots)
    return table[:, 0], table[:, 1]


def _stance(body: Body, place: Array, pitch: Array) -> Array:
    """Ankle (n, 3) of feet (n: x, z, yaw) that rest on heel or ball, pitched by (n,)."""
    heel_up = np.maximum(-pitch, 0.0)
    toes_up = np.maximum(pitch, 0.0)
    tall, long = body.ankle_height, body.foot
    over_ball = tall - body.toe_height
    height = (
        tall * np.cos(toes_up) + _HEEL * np.sin(toes_up) + over_ball * (np.cos(heel_up) - 1.0) + long * np.sin(heel_up)
    )
    along = (
        _HEEL * (np.cos(toes_up) - 1.0)
        - tall * np.sin(toes_up)
        + long * (1.0 - np.cos(heel_up))
        + over_ball * np.sin(heel_up)
    )
    yaw = place[:, 2]
    return np.stack((place[:, 0] + along * np.sin(yaw), height, place[:, 1] + along * np.cos(yaw)), axis=-1)


def _swing(body: Body, step: Step, corner: Array, times: Array, pitch: Array) -> Array:
    """Ankle (n, 3) between lift and land, high enough that the toes (pitched by (n,)) clear the floor.

    `corner` (4, 3) holds the ankle just before and at the lift, and at and just after the landing.
    """
    span = step.land - step.lift
    if step.via:
        knots = np.array([step.lift, *(p.time for p in step.via), step.land])
        points = np.concatenate((corner[1:2], np.array([p.position for p in step.via]), corner[2:3]))
        return pchip(times, knots, points)
    slope = span / _INSTANT
    s = ((times - step.lift) / span)[:, None]
    path = quintic(s, corner[1], corner[2], (corner[1] - corner[0]) * slope, (corner[3] - corner[2]) * slope)
    a, b = step.rise, step.fall
    peak = (a / (a + b)) ** a * (b / (a + b)) ** b
    bump = (s[:, 0] ** a * (1.0 - s[:, 0]) ** b) / peak
    path[:, 1] += step.clearance * bump
    toes = path[:, 1] + body.foot * np.sin(pitch) - (body.ankle_height - body.toe_height) * np.cos(pitch)
    path[:, 1] -= np.minimum(bump * 2.0, 1.0) * soft_min(toes - body.toe_height - _CLEAR * bump, 0.0, 0.01)
    return path


def _yaw(start: Footing, steps: Sequence[Step], times: Array) -> Array:
    knots = [(-1.0, start.yaw)]
    for step in steps:
        span = step.land - step.lift
        knots.append((step.lift, knots[-1][1]))
        knots.append((step.land - 0.1 * span, step.to.yaw))
    table = np.array(knots)
    return pchip(times, table[:, 0], table[:, 1])


@dataclass(frozen=True)
class Ground:
    """The path of the pelvis over the floor that a plan of footsteps implies.

    Attributes:
        position: (T, 2) x, z.
        heading: (T,) radians to the left of +Z.
    """

    position: Array
    heading: Array


def ground_path(feet: tuple[Footing, Footing], steps: Sequence[Step], times: Array) -> Ground:
    """Carry the pelvis over the feet: between them in stance, over the standing foot while the other swings.

    Args:
        feet: left and right at the start.
        steps: of both feet.
        times: (T,) seconds.
    """
    now = np.array([(f.x, f.z, f.yaw) for f in feet])
    knots: list[tuple[float, Array]] = [(-1.0, now.mean(axis=0))]
    ordered = sorted(steps, key=lambda s: (s.lift + s.land, s.foot))
    for number, step in enumerate(ordered):
        before = now.mean(axis=0)
        now = now.copy()
        now[step.foot] = (step.to.x, step.to.z, step.to.yaw)
        after = now.mean(axis=0)
        centre = 0.5 * (before + after)
        lean = step.sway * (now[1 - step.foot] - centre) * np.array([1.0, 1.0, 0.0])
        previous = ordered[number - 1] if number else None
        following = ordered[number + 1] if number + 1 < len(ordered) else None
        if previous is None or step.lift - previous.land > 0.3:
            knots.append((step.lift - (0.35 if step.held else 0.1), before))
        if step.held:
            knots += [(step.lift, before + lean), (step.land, after + lean)]
        else:
            knots.append((0.5 * (step.lift + step.land), centre + lean))
        if following is None or following.lift - step.land > 0.3:
            knots.append((step.land + (0.35 if step.held else 0.1), after))
    return _through(knots, times)


def _through(knots: list[tuple[float, Array]], times: Array) -> Ground:
    kept = [knots[0]]
    for time, value in knots[1:]:
        if time > kept[-1][0] + 0.02:
            kept.append((time, value))
        else:
            kept[-1] = (kept[-1][0], 0.5 * (kept[-1][1] + value))
    path = pchip(times, np.array([time for time, _ in kept]), np.stack([value for _, value in kept]))
    return Ground(path[:, :2], path[:, 2])
