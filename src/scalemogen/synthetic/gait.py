"""Actions that move the body over the floor: walking, running, side and backward steps, turning, stepping over.

Lengths of steps are in leg lengths until they reach the floor, durations in seconds at the style's tempo.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from scalemogen.synthetic.acts import Act
from scalemogen.synthetic.body import SIGN
from scalemogen.synthetic.footsteps import Step
from scalemogen.synthetic.stage import Stage
from scalemogen.synthetic.style import SIDES


@dataclass(frozen=True)
class Gait:
    """A manner of going.

    Attributes:
        length: step length.
        period: seconds from one lift to the next.
        share: part of the period a foot is in the air; above 1 there is flight.
        clearance: how far the ankle rises, metres.
        off, strike: degrees the heel is up at the lift, the toes at landing.
        width: distance of a footprint from the line of travel, as a part of the standing one.
        swing: how far the arms swing.
        bounce: see `style.POSTURE`.
        sway: see `Step`.
        rise, fall: see `Step`.
    """

    length: float
    period: float
    share: float = 0.78
    clearance: float = 0.05
    off: float = 36.0
    strike: float = 18.0
    width: float = 0.6
    swing: float = 1.0
    bounce: float = 0.012
    sway: float = 0.3
    rise: float = 2.6
    fall: float = 3.0


WALKS = {
    "slow": Gait(length=0.54, period=0.74, off=26.0, strike=12.0, clearance=0.05, sway=0.4),
    "normal": Gait(length=0.76, period=0.52, off=42.0),
    "fast": Gait(length=0.90, period=0.395, share=0.79, off=52.0, strike=20.0, sway=0.22, swing=1.2),
}
RUNS = {
    "slow": Gait(0.88, 0.37, 1.36, 0.22, 42.0, 4.0, 0.45, 0.8, -0.05, 0.15, 2.2, 3.4),
    "normal": Gait(1.25, 0.34, 1.38, 0.28, 52.0, 6.0, 0.35, 0.75, -0.06, 0.1, 2.2, 3.6),
    "fast": Gait(1.65, 0.31, 1.46, 0.36, 60.0, 6.0, 0.3, 0.75, -0.07, 0.08, 2.2, 3.8),
}
BACKS = {
    "slow": Gait(0.40, 0.80, 0.74, 0.06, 6.0, -16.0, 0.75, 0.5, 0.005, 0.4),
    "normal": Gait(0.50, 0.62, 0.76, 0.06, 8.0, -20.0, 0.7, 0.6, 0.005, 0.35),
    "fast": Gait(0.62, 0.46, 0.78, 0.06, 8.0, -22.0, 0.65, 0.6, 0.005, 0.3),
}
PACE = {"slow": 1.4, "normal": 1.0, "fast": 0.74}
"""Factor on the duration of whatever has no gait of its own."""

_BENDS = {"forward": 0.0, "left": 1.0, "right": -1.0}


def pace(stage: Stage, act: Act) -> float:
    """Return the factor on durations that speed, style and person give together."""
    return PACE[act.speed or "normal"] * stage.style.tempo * stage.dice.around(1.0, 0.06)


def walk(stage: Stage, act: Act) -> None:
    """Walk straight on, or in a bend to the left or right."""
    gait = _personal(stage, WALKS[act.speed or "normal"])
    seconds = stage.dice.uniform(1.9, 3.2)
    count = act.count or max(3, round(seconds / gait.period))
    turn = _BENDS[act.direction or "forward"] * math.radians(stage.dice.uniform(70.0, 120.0))
    start = stage.time
    march(stage, gait, count, turn)
    posture = {"swing": gait.swing, "bounce": gait.bounce + stage.style.bounce, "up": stage.base["up"] - 0.012}
    posture["chest_pitch"] = (
        stage.base["chest_pitch"] + {"slow": 0.0, "normal": 2.0, "fast": 6.0}[act.speed or "normal"]
    )
    if turn:
        posture["chest_lean"] = stage.base["chest_lean"] + math.copysign(4.0, turn)
        posture["head_yaw"] = stage.base["head_yaw"] + math.copysign(14.0, turn)
    stage.hold(start - 0.1, stage.time + 0.1, posture, 1.4 * gait.period)


def run(stage: Stage, act: Act) -> None:
    """Run straight on, with a few short steps to stop."""
    gait = _personal(stage, RUNS[act.speed or "normal"])
    seconds = stage.dice.uniform(2.0, 2.9)
    count = act.count or max(6, round(seconds / gait.period))
    start = stage.time
    march(stage, gait, count, 0.0)
    lean = {"slow": 6.0, "normal": 10.0, "fast": 15.0}[act.speed or "normal"]
    elbow = stage.dice.around(88.0, 6.0)
    posture = {
        "swing": gait.swing,
        "bounce": gait.bounce - 0.5 * stage.style.bounce,
        "up": min(stage.base["up"], 0.0) - 0.01,
        "chest_pitch": 0.6 * stage.base["chest_pitch"] + lean,
        "pelvis_pitch": stage.base["pelvis_pitch"] + 0.5 * lean,
        "forward": stage.base["forward"] - 0.03,
    }
    for side in SIDES:
        posture |= {f"{side}_bend": elbow, f"{side}_front": 0.0, f"{side}_side": 14.0, f"{side}_inward": 26.0}
    stage.hold(start - 0.1, stage.time + 0.2, posture, 1.5 * gait.period)


def step_back(stage: Stage, act: Act) -> None:
    """Walk backward."""
    gait = _personal(stage, BACKS[act.speed or "normal"])
    count = act.count or max(3, round(stage.dice.uniform(2.0, 3.2) / gait.period))
    start = stage.time
    march(stage, replace(gait, length=-gait.length), count, 0.0)
    posture = {
        "swing": gait.swing,
        "bounce": gait.bounce + stage.style.bounce,
        "up": stage.base["up"] - 0.03,
        "chest_pitch": stage.base["chest_pitch"] + 4.0,
    }
    stage.hold(start - 0.1, stage.time + 0.1, posture, 1.3 * gait.period)


def side_step(stage: Stage, act: Act) -> None:
    """Step sideways: the foot of that side leads, the other one closes."""
    lead = SIDES.index(act.side or "left")
    count = act.count or 2
    period = 0.62 * pace(stage, act)
    width = stage.body.leg * stage.dice.around(0.46, 0.04) * stage.style.stride
    start = stage.time
    for _ in range(count):
        size = width * stage.dice.around(1.0, 0.04)
        centre = (*stage.place, stage.heading)
        for foot in (lead, 1 - lead):
            to = stage.beside(foot, centre, 0.0, SIGN[lead] * size + SIGN[foot] * stage.spread)
            land = stage.time + 0.72 * period
            stage.step(Step(foot, stage.time, land, to, 0.07, math.radians(10.0), sway=0.45, roll=0.15))
            stage.time += 0.9 * period
    tilt = 3.0 * SIGN[lead]
    posture = {"up": stage.base["up"] - 0.035, "chest_lean": stage.base["chest_lean"] - tilt}
    for side in SIDES:
        posture[f"{side}_side"] = stage.base[f"{side}_side"] + 7.0
    posture["bounce"] = 0.5 * stage.style.bounce
    stage.hold(start - 0.15, stage.time + 0.15, posture, 0.5)


def turn(stage: Stage, act: Act) -> None:
    """Turn on the spot by stepping round; the foot of that side opens, the head looks ahead.

    Some turn in few wide steps, some in many small ones, so that the time does not tell the angle.
    """
    lead = SIDES.index(act.side or "left")
    total = math.radians(act.degrees or 90) * SIGN[lead]
    pairs = max(1, math.ceil((act.degrees or 90) / stage.dice.uniform(38.0, 92.0)))
    period = (0.58 if pairs > 1 else 0.66) * pace(stage, act)
    start = stage.time
    x, z = stage.place
    heading = stage.heading
    for pair in range(1, pairs + 1):
        yaw = heading + total * pair / pairs
        for foot in (lead, 1 - lead):
            to = stage.beside(foot, (x, z, yaw), stage.dice.around(0.0, 0.01), SIGN[foot] * stage.spread)
            land = stage.time + 0.75 * period
            stage.step(Step(foot, stage.time, land, to, 0.05, math.radians(14.0), sway=0.4, roll=0.15, settle=0.08))
            stage.time += 0.92 * period
    ahead = math.copysign(min(1.0, abs(total)), total)
    posture = {
        "head_yaw": stage.base["head_yaw"] + 32.0 * ahead,
        "chest_twist": stage.base["chest_twist"] + 12.0 * ahead,
        "up": stage.base["up"] - 0.02,
        "bounce": 0.5 * stage.style.bounce,
    }
    for foot, side in enumerate(SIDES):
        posture[f"{side}_front"] = stage.base[f"{side}_front"] - 8.0 * float(SIGN[foot]) * ahead
        posture[f"{side}_side"] = stage.base[f"{side}_side"] + 6.0
    stage.hold(start - 0.2, stage.time - 0.1, posture, 0.35)


def step_over(stage: Stage, act: Act) -> None:
    """Walk up to something on the floor, lift first one foot high over it, then the other, and walk on."""
    lead = SIDES.index(act.side or "left")
    gait = _personal(stage, WALKS[act.speed or "normal"])
    height = {"low": 0.24, "high": 0.42}[act.height or "low"] * stage.dice.around(1.0, 0.04)
    start = stage.time
    march(stage, gait, 2, 0.0, first=lead, close=False)
    slow = 1.5 if act.height == "high" else 1.3
    over = replace(
        gait,
        period=slow * gait.period,
        clearance=height,
        rise=3.0,
        fall=3.0,
        length=max(gait.length, 0.80),
        sway=0.45,
        off=24.0,
        strike=6.0,
    )
    crossing = stage.time
    march(stage, over, 2, 0.0, first=lead, close=False)
    crossed = stage.time
    march(stage, gait, 2, 0.0, first=lead)
    posture = {"swing": 0.8 * gait.swing, "bounce": gait.bounce, "up": stage.base["up"] - 0.015}
    stage.hold(start - 0.1, stage.time + 0.1, posture, gait.period)
    balance = {"chest_pitch": stage.base["chest_pitch"] + 7.0, "head_pitch": stage.base["head_pitch"] + 22.0}
    for side in SIDES:
        balance |= {
            f"{side}_side": stage.base[f"{side}_side"] + 16.0,
            f"{side}_bend": stage.base[f"{side}_bend"] + 12.0,
        }
    stage.hold(crossing - 0.4, crossed + 0.2, balance, 0.5)


def march(stage: Stage, gait: Gait, count: int, turn: float, first: int | None = None, close: bool = True) -> None:
    """Plan `count` steps along a straight line or an even bend.

    Args:
        stage: where to.
        gait: how; negative lengths go backward.
        count: swings of either foot, the one that closes at the end included.
        turn: radians to the left over the whole way.
        first: foot that begins; drawn where None.
        close: whether the last foot comes to rest beside the other.
    """
    foot = stage.dice.integer(0, 1) if first is None else first
    x, z = stage.place
    heading = stage.heading
    apart = _lead_of(stage, 1 - foot, (x, z, heading))
    x, z = x + math.sin(heading) * apart, z + math.cos(heading) * apart
    standing = abs(apart) < 0.05
    starting = () if not standing else (0.6, 0.85) if gait.share > 1.0 else (0.8,)
    stopping = (0.75, 0.5, 0.0) if gait.share > 1.0 else (0.75, 0.0)
    for number in range(count):
        last = close and number == count - 1
        size = gait.length * stage.body.leg * stage.dice.around(1.0, 0.025)
        begin = starting[number] if number < len(starting) else 1.0
        end = stopping[number - count] if close and number >= count - len(stopping) else 1.0
        size *= min(begin, end)
        half = turn / count / 2.0
        x, z = x + math.sin(heading + half) * size, z + math.cos(heading + half) * size
        heading += 2.0 * half
        ending = close and number >= count - 2
        width = stage.spread * (0.95 if ending else gait.width)
        to = stage.beside(foot, (x, z, heading), 0.0, float(SIGN[foot]) * width)
        period = gait.period * stage.dice.around(1.0, 0.015)
        share = min(gait.share, 0.9) if last else gait.share
        fade = 0.45 if last else 1.0
        stage.step(
            Step(
                foot,
                stage.time,
                stage.time + share * period,
                to,
                clearance=gait.clearance * (0.6 if last else 1.0),
                off=math.radians(gait.off) * (0.5 if number == 0 and standing else 1.0),
                strike=math.radians(gait.strike) * fade,
                roll=min(0.3, 0.55 * (2.0 - gait.share) * gait.period),
                settle=min(0.12, 0.25 * gait.period),
                rise=gait.rise,
                fall=gait.fall,
                sway=gait.sway,
            )
        )
        stage.time += period if not last else share * period + 0.1
        foot = 1 - foot


def _lead_of(stage: Stage, foot: int, centre: tuple[float, float, float]) -> float:
    """How far a foot stands ahead of a point, along the heading."""
    x, z, heading = centre
    place = stage.feet[foot]
    return (place.x - x) * math.sin(heading) + (place.z - z) * math.cos(heading)


def _personal(stage: Stage, gait: Gait) -> Gait:
    """Fit a gait to the style and to this person."""
    style = stage.style
    tempo = math.sqrt(style.tempo) if gait.share > 1.0 else style.tempo
    return replace(
        gait,
        length=gait.length * style.stride * stage.dice.around(1.0, 0.05),
        period=gait.period * tempo * stage.dice.around(1.0, 0.04),
        swing=gait.swing * style.swing * stage.dice.around(1.0, 0.12),
        width=gait.width * stage.dice.around(1.0, 0.1),
    )
