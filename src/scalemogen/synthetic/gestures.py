"""Actions of arms and trunk, both feet near their place: waving, raising arms, punching, reaching, bowing, standing."""

from __future__ import annotations

from collections.abc import Mapping

from scalemogen.synthetic.acts import Act
from scalemogen.synthetic.body import SIGN
from scalemogen.synthetic.footsteps import Step
from scalemogen.synthetic.gait import pace
from scalemogen.synthetic.stage import Stage
from scalemogen.synthetic.style import SIDES

_RAISED = {
    "up": {"front": 168.0, "side": 10.0, "inward": 0.0, "bend": 10.0},
    "forward": {"front": 88.0, "side": 4.0, "inward": 6.0, "bend": 8.0},
    "side": {"front": 2.0, "side": 88.0, "inward": 0.0, "bend": 7.0},
}
_GUARD = {"front": 38.0, "side": 14.0, "inward": 22.0, "bend": 128.0}


def sides_of(act: Act) -> tuple[str, ...]:
    """Return the names of the sides an act uses."""
    return SIDES if act.side == "both" else (act.side or "right",)


def limb(side: str, pose: Mapping[str, float]) -> dict[str, float]:
    """Name the entries of an arm's pose for its side."""
    return {f"{side}_{name}": value for name, value in pose.items()}


def wave(stage: Stage, act: Act) -> None:
    """Lift one hand or both beside the head and swing the forearm from side to side."""
    dice, start = stage.dice, stage.time
    tempo = pace(stage, act)
    count = act.count or dice.integer(3, 5)
    raised = start + 0.62 * tempo
    lowered = raised + count * 0.52 * tempo
    end = lowered + 0.7 * tempo
    lift = dice.around(80.0, 5.0) * min(stage.style.reach, 1.02)
    posture: dict[str, float] = {}
    for side in sides_of(act):
        posture |= limb(side, {"front": dice.around(18.0, 5.0), "side": lift, "inward": -88.0, "bend": 100.0})
        stage.wave(f"{side}_bend", raised - 0.05, lowered + 0.05, dice.around(27.0, 2.5), count)
    if act.side != "both":
        sign = float(SIGN[SIDES.index(act.side or "right")])
        posture["chest_lean"] = stage.base["chest_lean"] - 3.0 * sign
        posture["head_lean"] = stage.base["head_lean"] - 2.0 * sign
    stage.gesture((start, raised, lowered, end), (posture, posture))
    stage.time = end


def raise_arms(stage: Stage, act: Act) -> None:
    """Raise one arm or both, overhead, to the front or to the side, and lower them again."""
    dice = stage.dice
    tempo = pace(stage, act)
    direction = act.direction or "up"
    pose: dict[str, float] = {}
    for side in sides_of(act):
        arm = {name: value + dice.around(0.0, 2.5) for name, value in _RAISED[direction].items()}
        arm["bend"] = max(arm["bend"], 3.0)
        if stage.style.reach < 1.0:
            arm["front"] *= 0.95 if direction == "up" else 1.0
            arm["bend"] += 14.0
        pose |= limb(side, arm)
    if direction == "up":
        pose["chest_pitch"] = stage.base["chest_pitch"] - 6.0
        pose["head_pitch"] = stage.base["head_pitch"] - 12.0
    for _ in range(act.count or 1):
        start = stage.time
        up = start + (0.85 if direction == "up" else 0.7) * tempo * dice.around(1.0, 0.05)
        down = up + dice.around(0.4, 0.1) * tempo
        end = down + (0.85 if direction == "up" else 0.7) * tempo
        stage.gesture((start, up, down, end), (pose, pose))
        stage.time = end + 0.05


def punch(stage: Stage, act: Act) -> None:
    """Step back into a guard, punch straight forward with one fist, drop the guard."""
    side = act.side or "right"
    foot = SIDES.index(side)
    sign = float(SIGN[foot])
    tempo = pace(stage, act)
    start = stage.time
    home = stage.feet[foot]
    back = stage.footing(foot, -0.30 * stage.body.leg, sign * stage.spread * 1.15)
    stage.step(Step(foot, start + 0.1, start + 0.5, back, 0.05, sway=0.2))
    guard = start + 0.65
    count = act.count or 1
    beat = 0.68 * tempo
    end = guard + count * beat + 0.7
    other = SIDES[1 - foot]
    ready = {name: value + stage.dice.around(0.0, 3.0) for name, value in _GUARD.items()}
    turn = {"chest_twist": -sign * 22.0, "pelvis_twist": -sign * 12.0, "up": stage.base["up"] - 0.05}
    crouch = turn | {"chest_pitch": stage.base["chest_pitch"] + 6.0, "forward": stage.base["forward"] + 0.0}
    stage.hold(start, end, limb(other, ready), 0.55)
    poses = [limb(side, ready) | crouch | {f"{side}_heel": 6.0}]
    times = [start, guard]
    for _ in range(count):
        begin = times[-1]
        hit = {
            "chest_twist": sign * 26.0,
            "pelvis_twist": sign * 14.0,
            "up": stage.base["up"] - 0.06,
            "chest_pitch": stage.base["chest_pitch"] + 12.0,
            "forward": stage.base["forward"] + 0.05,
            f"{side}_heel": 28.0,
        }
        reach = {"front": stage.dice.around(87.0, 4.0), "side": -6.0, "inward": 30.0, "bend": 9.0}
        poses += [limb(side, reach) | hit] * 2 + [poses[0]]
        times += [begin + 0.40 * beat, begin + 0.50 * beat, begin + beat]
    times.append(end)
    stage.gesture(times, poses)
    stage.step(Step(foot, end - 0.5, end - 0.1, home, 0.05, sway=0.2))
    stage.time = end


def reach(stage: Stage, act: Act) -> None:
    """Stretch one hand up, forward, down to the floor or out to its side, as if to take something, and return."""
    dice, side = stage.dice, act.side or "right"
    sign = float(SIGN[SIDES.index(side)])
    other = SIDES[1 - SIDES.index(side)]
    tempo = pace(stage, act)
    base = stage.base
    pose: dict[str, float]
    if act.direction == "up":
        pose = limb(side, {"front": 166.0, "side": 4.0, "inward": 0.0, "bend": 6.0}) | {
            "chest_lean": base["chest_lean"] - 10.0 * sign,
            "chest_pitch": -6.0,
            "head_pitch": -34.0,
            "left_heel": 26.0,
            "right_heel": 26.0,
            "up": 0.055,
            "chest_twist": -8.0 * sign,
            "forward": base["forward"] + 0.06,
        }
    elif act.direction == "down":
        pose = limb(side, {"front": 26.0, "side": 4.0, "inward": 15.0, "bend": 6.0}) | {
            "chest_pitch": 76.0,
            "pelvis_pitch": 50.0,
            "head_pitch": 62.0,
            "chest_twist": -14.0 * sign,
            "chest_lean": 6.0 * sign,
            **limb(other, {"front": 26.0, "side": 12.0, "inward": 30.0, "bend": 66.0}),
            "up": -0.54,
            "forward": -0.11,
            "left_knee": 8.0,
            "right_knee": 8.0,
            "hang": 1.0,
        }
    elif act.direction == "side":
        pose = limb(side, {"front": 10.0, "side": 92.0, "inward": 0.0, "bend": 5.0}) | {
            "chest_lean": 17.0 * sign,
            "pelvis_lean": 5.0 * sign,
            "head_yaw": 50.0 * sign,
            "left": 0.07 * sign,
            "chest_twist": 8.0 * sign,
        }
    else:
        pose = limb(side, {"front": 84.0, "side": 14.0, "inward": 12.0, "bend": 5.0}) | {
            "chest_pitch": 24.0,
            "pelvis_pitch": 12.0,
            "chest_twist": -26.0 * sign,
            "head_pitch": 16.0,
            "forward": base["forward"] + 0.03,
        }
    for _ in range(act.count or 1):
        start = stage.time
        there = start + (0.95 if act.direction == "down" else 0.8) * tempo * dice.around(1.0, 0.05)
        leave = there + dice.around(0.4, 0.08) * tempo
        end = leave + (0.95 if act.direction == "down" else 0.8) * tempo
        stage.gesture((start, there, leave, end), (pose, pose))
        stage.time = end + 0.05


def bow(stage: Stage, act: Act) -> None:
    """Bend forward from the hips with the arms at the sides, and rise."""
    tempo = pace(stage, act)
    depth = stage.dice.around(64.0, 7.0)
    pose = {
        "chest_pitch": depth,
        "pelvis_pitch": 0.62 * depth,
        "head_pitch": 1.05 * depth,
        "forward": -0.11,
        "hang": 0.45,
    }
    for side in SIDES:
        pose |= {f"{side}_front": 8.0, f"{side}_side": 6.0, f"{side}_bend": 10.0}
    for _ in range(act.count or 1):
        start = stage.time
        low = start + 0.85 * tempo
        rise = low + stage.dice.around(0.4, 0.1) * tempo
        end = rise + 0.85 * tempo
        stage.gesture((start, low, rise, end), (pose, pose))
        stage.time = end + 0.1


def stand(stage: Stage, act: Act) -> None:
    """Stand: quietly, looking around, or shifting the weight from foot to foot."""
    dice = stage.dice
    tempo = stage.style.tempo
    start = stage.time
    if act.direction == "around":
        first = 1.0 if (act.side or "left") == "left" else -1.0
        times, poses = [start], []
        for sign in (first, -first):
            turn = sign * dice.around(58.0, 6.0)
            pose = {"head_yaw": turn, "chest_twist": 0.42 * turn, "head_pitch": stage.base["head_pitch"] - 2.0}
            poses += [pose, pose]
            there = times[-1] + 0.75 * tempo
            times += [there, there + dice.around(0.45, 0.1) * tempo]
        times.append(times[-1] + 0.6 * tempo)
        stage.gesture(times, poses)
        stage.time = times[-1]
    elif act.direction == "from foot to foot":
        times, poses = [start], []
        sign = dice.choice((1.0, -1.0))
        for number in range(dice.integer(3, 4)):
            over = sign * (-1.0) ** number
            poses.append(
                {
                    "left": over * dice.around(0.085, 0.008),
                    "pelvis_lean": -4.0 * over,
                    "chest_lean": 4.0 * over,
                    "up": stage.base["up"] - 0.006,
                }
            )
            times.append(times[-1] + 0.85 * tempo)
        times.append(times[-1] + 0.7 * tempo)
        stage.gesture(times, poses)
        stage.time = times[-1]
    else:
        stage.time += dice.uniform(1.6, 3.4)
