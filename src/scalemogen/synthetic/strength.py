"""Actions of the whole body: squatting, sitting down, jumping, kicking."""

from __future__ import annotations

import math

from scalemogen.synthetic.acts import Act
from scalemogen.synthetic.body import SIGN
from scalemogen.synthetic.footsteps import Footing, Step, Via
from scalemogen.synthetic.gait import pace
from scalemogen.synthetic.stage import Stage
from scalemogen.synthetic.style import SIDES

_GRAVITY = 9.81
_AWAY = {"forward": (1.0, 0.0), "backward": (-0.7, 0.0), "left": (0.0, 0.8), "right": (0.0, -0.8)}


def squat(stage: Stage, act: Act) -> None:
    """Bend the knees deeply with the arms to the front, and rise."""
    tempo = pace(stage, act)
    depth = stage.dice.around(0.46, 0.03)
    pose = {
        "up": -depth,
        "forward": -0.10,
        "pelvis_pitch": 34.0,
        "chest_pitch": 38.0,
        "head_pitch": 14.0,
        "left_knee": 16.0,
        "right_knee": 16.0,
        "hang": 0.8,
    }
    lift = stage.dice.around(76.0, 6.0)
    for side in SIDES:
        pose |= {f"{side}_front": lift, f"{side}_side": 4.0, f"{side}_bend": 14.0, f"{side}_inward": 10.0}
    for _ in range(act.count or 1):
        start = stage.time
        low = start + 0.75 * tempo * stage.dice.around(1.0, 0.05)
        rise = low + 0.16 * tempo
        end = rise + 0.70 * tempo
        stage.gesture((start, low, rise, end), (pose, pose))
        stage.time = end + 0.08


def sit(stage: Stage, act: Act) -> None:
    """Sit down on a seat of knee height behind the feet; stay, or stand up again."""
    tempo = pace(stage, act)
    body, base = stage.body, stage.base
    thigh = body.length(4) / body.leg
    drop = thigh * stage.dice.around(0.97, 0.02)
    names = [f"{side}_{part}" for side in SIDES for part in ("front", "side", "bend", "inward")]
    slump = 0.5 * max(base["chest_pitch"], 0.0)
    hands = dict(zip(names, (34.0, 8.0, 58.0, 26.0) * 2, strict=True))
    forth = dict(zip(names, (46.0, 8.0, 30.0, 18.0) * 2, strict=True))
    lean = {
        "up": -0.45 * drop,
        "forward": -0.55 * thigh,
        "pelvis_pitch": 30.0,
        "chest_pitch": 42.0 + 0.3 * slump,
        "head_pitch": 26.0,
    }
    seat = {
        "up": -drop,
        "forward": -0.97 * thigh,
        "pelvis_pitch": -6.0,
        "chest_pitch": 4.0 + slump,
        "head_pitch": base["head_pitch"] + 2.0,
    }
    start = stage.time
    seated = start + 1.35 * tempo
    times = [start, start + 0.55 * tempo, seated]
    poses = [lean | forth, seat | hands]
    if act.direction == "down and up":
        leave = seated + stage.dice.around(0.7, 0.15) * tempo
        times += [leave, leave + 0.6 * tempo, leave + 1.4 * tempo]
        poses += [seat | hands, lean | forth]
        stage.gesture(times, poses)
        stage.time = times[-1]
    else:
        stage.rest(start, poses[0])
        for time, pose in zip(times[1:], poses, strict=True):
            stage.key(time, pose)
        stage.time = seated + stage.dice.around(0.6, 0.15)


def jump(stage: Stage, act: Act) -> None:
    """Crouch with the arms back, jump off both feet with the arms up, land softly; again if asked."""
    base, leg = stage.base, stage.body.leg
    tempo = math.sqrt(stage.style.tempo) * stage.dice.around(1.0, 0.04)
    height = {"low": 0.13, "high": 0.36}.get(act.height or "", 0.22) * stage.dice.around(1.0, 0.06)
    height *= min(stage.style.reach, 1.0)
    flight = 2.0 * math.sqrt(2.0 * height / _GRAVITY)
    away = _AWAY.get(act.direction or "up", (0.0, 0.0))
    far = stage.dice.around(0.62, 0.06) * leg * 1.1
    names = ["up", "forward", "pelvis_pitch", "chest_pitch", "head_pitch"]
    names += [f"{side}_{part}" for side in SIDES for part in ("front", "side", "bend")]
    lean = 8.0 * away[0]

    def pose(up: float, forward: float, trunk: tuple[float, float, float], arm: tuple[float, float, float]) -> None:
        values = (base["up"] * 0.3 + up, forward, *trunk, *arm, *arm)
        stage.key(stage.time, dict(zip(names, values, strict=True)))

    stage.rest(stage.time, names)
    stage.time += 0.55 * tempo
    count = act.count or 1
    for number in range(count):
        pose(-0.27, -0.05 + 0.1 * away[0], (26.0, 36.0 + lean, 12.0), (-38.0, 12.0, 14.0))
        stage.time += 0.30 * tempo
        pose(0.05, 0.03 + 0.12 * away[0], (3.0, 4.0 + lean, -6.0), (95.0, 12.0, 24.0))
        _leap(stage, flight, (away[0] * far, away[1] * far))
        for part in (0.25, 0.5, 0.75, 1.0):
            stage.time += 0.25 * flight
            rise = 4.0 * part * (1.0 - part) * height / leg
            arm = (135.0 - 65.0 * part, 14.0 + 10.0 * part, 22.0)
            pose(0.05 + rise - 0.03 * part, 0.03 - 0.08 * part * away[0], (4.0, 3.0 + 8.0 * part, 0.0), arm)
        stage.time += 0.26 * tempo
        if number + 1 < count:
            stage.time += 0.06
        else:
            pose(-0.17, -0.04, (14.0, 22.0, 12.0), (22.0, 20.0, 26.0))
    stage.time += 0.60 * tempo
    stage.rest(stage.time, names)


def _leap(stage: Stage, flight: float, far: tuple[float, float]) -> None:
    """Plan both feet leaving the floor now and landing `far` (forward, left) metres away."""
    rise = _GRAVITY * flight**2 / 8.0
    centre = (*stage.place, stage.heading)
    for foot in (0, 1):
        to = stage.beside(foot, centre, far[0], far[1] + float(SIGN[foot]) * stage.spread)
        lift, land = stage.time - 0.02, stage.time + flight + 0.02
        stage.steps.append(
            Step(
                foot, lift, land, to, rise * 1.0, math.radians(40.0), math.radians(-22.0), 0.2, 0.1, 1.0, 1.0, sway=0.0
            )
        )
        stage.feet[foot] = to


def kick(stage: Stage, act: Act) -> None:
    """Shift to one leg, pull the other knee up, snap the foot out to the front or side, and set it down."""
    side = act.side or "right"
    foot = SIDES.index(side)
    sign = float(SIGN[foot])
    tempo = pace(stage, act)
    high = act.height == "high"
    aside = act.direction == "side"
    home = stage.feet[foot]
    other = SIDES[1 - foot]
    for _ in range(act.count or 1):
        lift = stage.time + 0.45 * tempo
        chamber, hit = lift + 0.32 * tempo, lift + 0.54 * tempo
        back, land = lift + 0.82 * tempo, lift + 1.15 * tempo
        vias = _kick_path(stage, foot, high, aside, (chamber, hit, back))
        stage.step(
            Step(
                foot,
                lift,
                land,
                home,
                0.0,
                math.radians(20.0),
                math.radians(-12.0),
                via=vias,
                reachable=False,
                sway=0.85,
                held=True,
            )
        )
        end = land + 0.4 * tempo
        load = {"chest_pitch": stage.base["chest_pitch"] + 3.0, "pelvis_pitch": 0.0, "up": stage.base["up"] - 0.03}
        fling = {"chest_pitch": -14.0 if high else -7.0, "pelvis_pitch": -16.0 if high else -9.0}
        fling |= {"up": stage.base["up"] - 0.035}
        lean = {"chest_lean": 0.0, "pelvis_lean": 0.0, "pelvis_twist": 0.0, "chest_twist": 0.0}
        bend = lean | {"pelvis_twist": -sign * -8.0, "chest_twist": -sign * 10.0}
        if aside:
            bend = lean | {"pelvis_lean": -sign * 16.0, "chest_lean": -sign * (26.0 if high else 16.0)}
            fling |= {"chest_pitch": 4.0, "pelvis_pitch": 0.0}
        arms = {f"{side}_front": -14.0, f"{side}_side": 34.0, f"{side}_bend": 52.0}
        arms |= {f"{other}_front": 42.0, f"{other}_side": 26.0, f"{other}_bend": 78.0}
        poses = [load | lean | arms, fling | bend | arms, load | lean | arms]
        stage.gesture((stage.time, chamber, hit, back, end), poses)
        stage.time = end + 0.1


def _kick_path(
    stage: Stage, foot: int, high: bool, aside: bool, times: tuple[float, float, float]
) -> tuple[Via, Via, Via]:
    """Ankle before, at and after the kick: knee up, leg stretched, knee up."""
    body = stage.body
    leg, sign = body.leg, float(SIGN[foot])
    hip = body.standing - body.hip_drop - 0.03 * leg
    angle = math.radians(
        (stage.dice.around(84.0, 4.0) if high else stage.dice.around(48.0, 4.0)) - (7.0 if aside else 0.0)
    )
    out, down = 0.965 * leg * math.sin(angle), 0.965 * leg * math.cos(angle)
    tuck = 0.32 * leg if high else 0.05 * leg
    cocked = (0.10 * leg, 0.30 * leg) if aside else (0.16 * leg, 0.0)
    thrust = (0.06 * leg, out) if aside else (out, 0.0)
    width = sign * 0.06
    centre = _standing_hip(stage, foot)

    def point(time: float, forward: float, outward: float, height: float, toes: float) -> Via:
        place = stage.beside(foot, (*centre, stage.heading), forward, width + sign * outward)
        return Via(time, (place.x, height, place.z), math.radians(toes))

    raised = hip - 0.62 * leg + tuck
    return (
        point(times[0], *cocked, raised, -18.0),
        point(times[1], *thrust, hip - down, 28.0 if aside else 40.0 - (90.0 - math.degrees(angle)) * 0.2),
        point(times[2], *cocked, raised, -18.0),
    )


def _standing_hip(stage: Stage, foot: int) -> tuple[float, float]:
    """Where the pelvis is (x, z) while `foot` is in the air."""
    x, z = stage.place
    stand: Footing = stage.feet[1 - foot]
    return x + 0.85 * (stand.x - x), z + 0.85 * (stand.z - z)
