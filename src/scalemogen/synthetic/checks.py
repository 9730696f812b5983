"""Does a motion show what its sentence says? Facts per action, checked on joint positions alone.

Thresholds lie halfway between what the action needs and what other actions do, so that they serve a generated motion,
which need not equal any clip of the generator.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from scalemogen.errors import UserError
from scalemogen.motion import Motion
from scalemogen.synthetic.acts import Act, acts_of
from scalemogen.synthetic.curves import Array
from scalemogen.synthetic.measures import Measures, count_rises
from scalemogen.synthetic.style import SIDES

Facts = dict[str, bool]

_SIGN = {"left": 1.0, "right": -1.0}
_CUTS = np.linspace(0.2, 0.8, 13)
_LEAST_FRAMES = 8
_SHORT_WAY = 3
"""Steps that are too few to come to a speed."""

_WALK_SPEEDS = {"slow": (0.2, 0.95), "normal": (0.45, 1.75), "fast": (1.15, 3.0)}
_RUN_SPEEDS = {"slow": (1.1, 3.0), "normal": (1.5, 4.6), "fast": (2.6, 8.0)}
_BACK_SPEEDS = {"slow": (0.15, 0.65), "normal": (0.22, 1.1), "fast": (0.65, 2.0)}


def check(motion: Motion, attributes: Mapping[str, Any]) -> dict[str, bool]:
    """Check a motion against the attributes of its sentence.

    Args:
        motion: on the humanml3d joints; a few centimetres of noise do no harm.
        attributes: those of a synthetic clip; "acts" and "style" are read.

    Returns:
        Named facts, True where the motion shows them. For two acts the names start with "1." and "2.", and the motion
        is cut where most facts of both hold, so their order counts and their durations do not. "style" is the
        carriage at the beginning, and is there for styles other than neutral.

    Raises:
        UserError: the skeleton is another one, the motion is shorter than 8 frames, or the attributes are not those
            of a synthetic clip.
    """
    if len(motion.skeleton.joints) != 22 or motion.frames < _LEAST_FRAMES:
        raise UserError(
            f"{motion.frames} frames of skeleton {motion.skeleton.name!r}: checks need at least {_LEAST_FRAMES} frames "
            "of 'humanml3d'"
        )
    acts = acts_of(attributes)
    measures = Measures.of(motion)
    facts = facts_of(measures, acts[0]) if len(acts) == 1 else _facts_of_two(measures, acts[0], acts[1])
    style = attributes.get("style", "neutral")
    return facts if style == "neutral" else facts | {"style": carriage(measures) == style}


def carriage(measures: Measures) -> str:
    """Return the style that the posture of the first third of a second looks like."""
    early = slice(0, max(_LEAST_FRAMES // 2, round(measures.fps / 3.0)))
    nod, pitch = (math.degrees(float(np.median(angle[early]))) for angle in (measures.nod, measures.pitch))
    spread = 0.5 * float(np.median((measures.hands[:, 0, 0] - measures.hands[:, 1, 0])[early]))
    if float(np.median(measures.pelvis[early])) < -0.06:
        return "sneaky"
    if nod > 48.0:
        return "tired"
    # Head, trunk and arms from neutral (0) to happy (1), the steadier ones counting more.
    lift = 0.2 * (34.0 - nod) / 8.5 + 0.4 * (2.7 - pitch) / 3.9 + 0.4 * (spread - 0.1) / 0.07
    return "happy" if lift > 0.5 else "neutral"


def _facts_of_two(measures: Measures, first: Act, second: Act) -> Facts:
    """Check two acts, one before and one after the cut where most facts hold."""
    frames = len(measures.joints)
    best: Facts = {}
    for cut in _CUTS:
        border = round(float(cut) * frames)
        if not _LEAST_FRAMES <= border <= frames - _LEAST_FRAMES:
            continue
        parts = (measures.part(0, border), measures.part(border, frames))
        found = {
            f"{number}.{name}": held
            for number, (part, act) in enumerate(zip(parts, (first, second), strict=True), start=1)
            for name, held in facts_of(part, act).items()
        }
        if not best or sum(found.values()) > sum(best.values()):
            best = found
    return best or {"long enough": False}


def facts_of(measures: Measures, act: Act) -> Facts:
    """Check one act on a motion, or on the part of it that should show the act.

    Raises:
        UserError: there is no such action.
    """
    if act.action not in _CHECKS:
        raise UserError(f"action {act.action!r}: known are {', '.join(sorted(_CHECKS))}")
    return {name: bool(held) for name, held in _CHECKS[act.action](measures, act).items()}


def _bends(m: Measures, act: Act) -> bool:
    if act.direction in _SIGN:
        return math.degrees(m.turned) * _SIGN[act.direction] > 35.0
    return abs(math.degrees(m.turned)) < 30.0


def _steps(m: Measures) -> int:
    return len(m.swings[0]) + len(m.swings[1])


def _within(value: float, bounds: tuple[float, float]) -> bool:
    return bounds[0] < value < bounds[1]


def _walk(m: Measures, act: Act) -> Facts:
    facts = {
        "moves forward": m.drift[1] > 0.45 * m.leg and abs(m.drift[0]) < 0.5 * m.drift[1],
        "direction": _bends(m, act),
        "on the floor": float((m.airborne > 0.06).mean()) < 0.08,
        "alternates": min(len(m.swings[0]), len(m.swings[1])) >= 1,
    }
    if act.speed and _steps(m) > _SHORT_WAY:
        facts["speed"] = _within(m.speed, _WALK_SPEEDS[act.speed])
    if act.count:
        facts["count"] = _steps(m) == act.count
    return facts


def _run(m: Measures, act: Act) -> Facts:
    lifted = float(np.quantile(m.feet_height.max(axis=1), 0.9))
    facts = {
        "moves forward": m.drift[1] > 1.2 * m.leg and abs(m.drift[0]) < 0.3 * m.drift[1],
        "direction": _bends(m, act),
        "feet high": lifted > 0.18,
    }
    if act.speed != "slow":
        facts["flight"] = count_rises(m.airborne, 0.02, 0.03) >= 1
    if act.speed:
        facts["speed"] = _within(m.speed, _RUN_SPEEDS[act.speed])
    return facts


def _step_back(m: Measures, act: Act) -> Facts:
    facts = {
        "moves backward": m.drift[1] < -0.18 * m.leg and abs(m.drift[0]) < -0.5 * m.drift[1],
        "keeps facing": abs(math.degrees(m.turned)) < 30.0,
        "alternates": min(len(m.swings[0]), len(m.swings[1])) >= 1,
    }
    if act.speed and _steps(m) > _SHORT_WAY:
        facts["speed"] = _within(m.speed, _BACK_SPEEDS[act.speed])
    if act.count:
        facts["count"] = _steps(m) == act.count
    return facts


def _side_step(m: Measures, act: Act) -> Facts:
    way = m.drift[0] * _SIGN[act.side or "left"]
    return {
        "moves to the side": way > 0.22 * m.leg * (act.count or 1) and abs(m.drift[1]) < 0.4 * way,
        "keeps facing": abs(math.degrees(m.turned)) < 30.0,
        "count": len(m.swings[SIDES.index(act.side or "left")]) == (act.count or 1),
    }


def _turn(m: Measures, act: Act) -> Facts:
    turned = math.degrees(m.turned) * _SIGN[act.side or "left"]
    wanted = float(act.degrees or 90)
    return {
        "direction": turned > 15.0,
        "angle": abs(turned - wanted) < 0.25 * wanted,
        "stays in place": float(np.hypot(*m.drift)) < 0.45 * m.leg,
    }


def _stands_again(m: Measures) -> bool:
    return float(m.pelvis[-3:].mean()) > -0.2


def _squat(m: Measures, act: Act) -> Facts:
    lowest = int(m.pelvis.argmin())
    return {
        "goes down": float(m.pelvis.min()) < -0.3,
        "over the feet": float(m.seat[lowest]) < 0.35,
        "stays in place": float(np.hypot(*m.drift)) < 0.35 * m.leg,
        "rises again": _stands_again(m),
        "count": count_rises(-m.pelvis, 0.17, 0.3) == (act.count or 1),
    }


def _sit(m: Measures, act: Act) -> Facts:
    low = m.pelvis < -0.28
    return {
        "goes down": float(m.pelvis.min()) < -0.3,
        "behind the feet": float(m.seat[low].max(initial=0.0)) > 0.3,
        "trunk upright": bool(low.any()) and float(m.pitch[low].min()) < math.radians(25.0),
        "ends seated" if act.direction == "down" else "rises again": (
            float(m.pelvis[-3:].mean()) < -0.28 if act.direction == "down" else _stands_again(m)
        ),
    }


def _jump(m: Measures, act: Act) -> Facts:
    count = act.count or 1
    facts = {
        "count": count_rises(m.airborne, 0.03, 0.06) == count,
        "pelvis rises": float(m.pelvis.max()) > 0.08,
    }
    if act.height == "high":
        facts["high"] = float(m.airborne.max()) > 0.17
    way = 0.25 * m.leg * count
    left, forward = float(m.drift[0]), float(m.drift[1])
    aim = {"forward": forward, "backward": -forward, "left": left, "right": -left}
    if act.direction in aim:
        facts["direction"] = aim[act.direction] > way and aim[act.direction] > abs(left + forward - _signed(aim, act))
    else:
        facts["direction"] = float(np.hypot(left, forward)) < 0.3 * m.leg
    return facts


def _signed(aim: Mapping[str, float], act: Act) -> float:
    sign = -1.0 if act.direction in ("backward", "right") else 1.0
    return sign * aim[act.direction or "forward"]


def _bow(m: Measures, act: Act) -> Facts:
    return {
        "bends forward": math.degrees(float(m.pitch.max())) > 38.0,
        "legs stay long": float(m.pelvis.min()) > -0.2,
        "stays in place": float(np.hypot(*m.drift)) < 0.35 * m.leg,
        "hands low": float(m.over_head.max()) < 0.0,
        "count": count_rises(np.degrees(m.pitch), 28.0, 38.0) == (act.count or 1),
    }


def _used(act: Act) -> list[int]:
    return [0, 1] if act.side == "both" else [SIDES.index(act.side or "right")]


def _others_low(m: Measures, used: list[int], height: float) -> bool:
    others = [side for side in (0, 1) if side not in used]
    return all(float(np.quantile(m.hands[:, side, 1], 0.9)) < height for side in others)


def _wave(m: Measures, act: Act) -> Facts:
    used = _used(act)
    facts = {"hand up": True, "waves": True}
    for side in used:
        up = m.hands[:, side, 1] > 0.1
        facts["hand up"] &= float(up.mean()) > 0.2
        swings = _oscillations(m.hands[:, side, 0], up)
        facts["waves"] &= swings >= 2
        if act.count:
            facts["count"] = facts.get("count", True) and swings == act.count
    facts["other hand down"] = _others_low(m, used, -0.1)
    return facts


def _oscillations(signal: Array, where: npt.NDArray[np.bool_]) -> int:
    """Count to-and-fro movements of a signal (T,) in its longest stretch of True."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], where.astype(int), [0]))))
    if not len(edges):
        return 0
    start, stop = max(zip(edges[::2], edges[1::2], strict=True), key=lambda span: int(span[1] - span[0]))
    inside = signal[start:stop] - np.median(signal[start:stop])
    reach = float(np.quantile(np.abs(inside), 0.9))
    if reach < 0.06:
        return 0
    return min(count_rises(inside, -0.2 * reach, 0.35 * reach), count_rises(-inside, -0.2 * reach, 0.35 * reach))


def _raise_arms(m: Measures, act: Act) -> Facts:
    used = _used(act)
    facts: Facts = {"raised": True, "count": True}
    for side in used:
        left, up, forward = (m.hands[:, side, axis] for axis in range(3))
        outward = left * (1.0, -1.0)[side]
        level = np.abs(up) < 0.45
        signal = {
            "up": up,
            "forward": np.where(level & (outward < 0.5), forward, 0.0),
            "side": np.where(level & (forward < 0.5), outward, 0.0),
        }[act.direction or "up"]
        facts["raised"] &= float(signal.max()) > 0.65
        facts["count"] &= count_rises(signal, 0.35, 0.6) == (act.count or 1)
    facts["other arm down"] = _others_low(m, used, -0.4)
    facts["stays in place"] = float(np.hypot(*m.drift)) < 0.35 * m.leg
    return facts


def _punch(m: Measures, act: Act) -> Facts:
    side = SIDES.index(act.side or "right")
    forward = m.local(m.at(0.04)[:, 20 + side] - m.at(0.04)[:, 0])[:, 2] / m.arm
    other = m.local(m.at(0.04)[:, 21 - side] - m.at(0.04)[:, 0])[:, 2] / m.arm
    speed = np.diff(forward) * m.fps
    least = {"slow": 0.8, "fast": 2.0}.get(act.speed or "", 1.2)
    level = np.abs(m.hands[:, side, 1]) < 0.5
    return {
        "reaches forward": float(forward[level].max(initial=0.0)) > 0.85,
        "fast enough": float(speed.max()) > least,
        "side": float(forward.max()) > float(other.max()) + 0.12,
        "count": count_rises(forward, float(forward.max()) - 0.3, float(forward.max()) - 0.15) == (act.count or 1),
    }


def _kick(m: Measures, act: Act) -> Facts:
    side = SIDES.index(act.side or "right")
    height = m.feet_height[:, side] / m.leg
    out = m.feet[:, side, 2] if act.direction != "side" else m.feet[:, side, 0] * (1.0, -1.0)[side]
    least, most = (0.56, 2.0) if act.height == "high" else (0.18, 0.56)
    return {
        "height": least < float(height.max()) < most,
        "leg out": float(out[height > 0.5 * float(height.max())].max(initial=0.0)) > 0.5,
        "stands on the other": float(m.feet_height[:, 1 - side].max()) < 0.15,
        "count": count_rises(out, 0.38, 0.52) == (act.count or 1),
    }


def _reach(m: Measures, act: Act) -> Facts:
    side = SIDES.index(act.side or "right")
    left, up, forward = (m.hands[:, side, axis] for axis in range(3))
    signal, low, high = {
        "up": (up, 0.3, 0.7),
        "down": (0.8 - m.hands_height[:, side], 0.12, 0.3),
        "side": (np.where(np.abs(up) < 0.5, left * (1.0, -1.0)[side], 0.0), 0.4, 0.75),
        "forward": (np.where(np.abs(up) < 0.55, forward, 0.0), 0.72, 0.84),
    }[act.direction or "forward"]
    mine, other = m.hands[:, side], m.hands[:, 1 - side]
    facts = {
        "reaches": float(signal.max()) > high,
        "count": count_rises(signal, low, high) == (act.count or 1),
        "stays in place": float(np.hypot(*m.drift)) < 0.35 * m.leg,
    }
    if act.direction == "down":
        facts["side"] = float(m.hands_height[:, side].min()) < float(m.hands_height[:, 1 - side].min()) - 0.03
    else:
        facts["side"] = float(np.abs(mine - mine[:1]).max()) > float(np.abs(other - other[:1]).max())
    return facts


def _step_over(m: Measures, act: Act) -> Facts:
    lead = SIDES.index(act.side or "left")
    heights = m.feet_height
    least = 0.36 if act.height == "high" else 0.2
    tops = heights.argmax(axis=0)
    return {
        "moves forward": m.drift[1] > 1.0 * m.leg,
        "both feet high": float(heights.max(axis=0).min()) > least,
        "leads": int(tops[lead]) < int(tops[1 - lead]),
        "one after the other": float((m.airborne > 0.06).mean()) < 0.08,
    }


def _stand(m: Measures, act: Act) -> Facts:
    facts = {
        "stays in place": float(np.hypot(*m.drift)) < 0.25 * m.leg,
        "stays upright": float(m.pelvis.min()) > -0.25 and math.degrees(float(m.pitch.max())) < 38.0,
        "hands down": float(m.hands[..., 1].max()) < 0.0,
        "no step": _steps(m) == 0,
    }
    if act.direction == "around":
        gaze = np.degrees(m.gaze) * _SIGN[act.side or "left"]
        facts["looks both ways"] = float(gaze.max()) > 9.0 and float(gaze.min()) < -9.0
        facts["side first"] = int(gaze.argmax()) < int(gaze.argmin())
    elif act.direction == "from foot to foot":
        waist = m.waist
        facts["shifts"] = float(waist.max()) > 0.045 and float(waist.min()) < -0.045
    return facts


_CHECKS: Mapping[str, Callable[[Measures, Act], Facts]] = {
    "walk": _walk,
    "run": _run,
    "side_step": _side_step,
    "step_back": _step_back,
    "turn": _turn,
    "squat": _squat,
    "sit": _sit,
    "jump": _jump,
    "bow": _bow,
    "wave": _wave,
    "raise_arms": _raise_arms,
    "punch": _punch,
    "kick": _kick,
    "reach": _reach,
    "step_over": _step_over,
    "stand": _stand,
}
