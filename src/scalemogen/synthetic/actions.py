"""The registry of actions: how the attributes of each are drawn, and who performs it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from scalemogen.synthetic import gait, gestures, strength
from scalemogen.synthetic.acts import Act
from scalemogen.synthetic.dice import Dice
from scalemogen.synthetic.stage import Stage
from scalemogen.synthetic.style import SIDES


@dataclass(frozen=True)
class Action:
    """One kind of act.

    Attributes:
        draw: draws attributes; is told the speed.
        perform: writes the act on a stage.
        styles: styles it makes sense in.
        speeds: whether it has a speed.
        opens: whether another act can follow it.
    """

    draw: Callable[[Dice, str | None], Act]
    perform: Callable[[Stage, Act], None]
    styles: tuple[str, ...] = ("neutral", "tired", "happy", "sneaky")
    speeds: bool = True
    opens: bool = True


_SPEEDS: Mapping[str, Mapping[str, float]] = {
    "neutral": {"slow": 0.25, "normal": 0.45, "fast": 0.3},
    "tired": {"slow": 0.5, "normal": 0.5},
    "happy": {"normal": 0.6, "fast": 0.4},
    "sneaky": {"slow": 0.45, "normal": 0.55},
}


def draw_act(name: str, style: str, dice: Dice) -> Act:
    """Draw the attributes of an action in a style."""
    action = ACTIONS[name]
    speed = dice.weighted(_SPEEDS[style]) if action.speeds else None
    return action.draw(dice, speed)


def _times(dice: Dice, most: int, plain: float = 0.4) -> int:
    """Draw a number of repetitions: 1 with probability `plain`, else 2..most evenly."""
    return 1 if dice.chance(plain) else dice.integer(2, most)


def _steps(dice: Dice, least: int, most: int) -> int | None:
    """Draw a number of steps that the sentence names, or None for as many as come."""
    return dice.integer(least, most) if dice.chance(0.5) else None


def _walk(dice: Dice, speed: str | None) -> Act:
    direction = dice.weighted({"forward": 0.6, "left": 0.2, "right": 0.2})
    return Act("walk", speed, direction=direction, count=_steps(dice, 2, 6) if direction == "forward" else None)


def _run(dice: Dice, speed: str | None) -> Act:
    return Act("run", speed, count=None)


def _step_back(dice: Dice, speed: str | None) -> Act:
    return Act("step_back", speed, count=_steps(dice, 2, 5))


def _side_step(dice: Dice, speed: str | None) -> Act:
    return Act("side_step", speed, dice.choice(SIDES), count=_times(dice, 4, 0.25))


def _turn(dice: Dice, speed: str | None) -> Act:
    return Act("turn", speed, dice.choice(SIDES), degrees=dice.choice((45, 90, 180, 360)))


def _squat(dice: Dice, speed: str | None) -> Act:
    return Act("squat", speed, count=_times(dice, 3))


def _sit(dice: Dice, speed: str | None) -> Act:
    return Act("sit", speed, direction=dice.choice(("down", "down and up")))


def _jump(dice: Dice, speed: str | None) -> Act:
    direction = dice.weighted({"up": 0.4, "forward": 0.3, "backward": 0.1, "left": 0.1, "right": 0.1})
    return Act("jump", speed, direction=direction, count=_times(dice, 3), height="high" if dice.chance(0.25) else None)


def _bow(dice: Dice, speed: str | None) -> Act:
    return Act("bow", speed, count=_times(dice, 3, 0.6))


def _wave(dice: Dice, speed: str | None) -> Act:
    side = dice.weighted({"left": 0.4, "right": 0.4, "both": 0.2})
    return Act("wave", speed, side, count=dice.integer(2, 4) if dice.chance(0.4) else None)


def _raise_arms(dice: Dice, speed: str | None) -> Act:
    return Act(
        "raise_arms", speed, dice.choice((*SIDES, "both")), dice.choice(("up", "forward", "side")), _times(dice, 3)
    )


def _punch(dice: Dice, speed: str | None) -> Act:
    return Act("punch", speed, dice.choice(SIDES), count=_times(dice, 4, 0.3))


def _kick(dice: Dice, speed: str | None) -> Act:
    height = dice.weighted({"low": 0.5, "high": 0.5})
    direction = dice.weighted({"forward": 0.65, "side": 0.35})
    return Act("kick", speed, dice.choice(SIDES), direction, _times(dice, 3, 0.55), height=height)


def _reach(dice: Dice, speed: str | None) -> Act:
    direction = dice.choice(("up", "forward", "down", "side"))
    return Act("reach", speed, dice.choice(SIDES), direction, _times(dice, 2, 0.65))


def _step_over(dice: Dice, speed: str | None) -> Act:
    return Act("step_over", speed, dice.choice(SIDES), height=dice.choice(("low", "high")))


def _stand(dice: Dice, speed: str | None) -> Act:
    direction = dice.choice((None, "around", "from foot to foot"))
    return Act("stand", speed, dice.choice(SIDES) if direction == "around" else None, direction)


_UPRIGHT = ("neutral", "tired", "happy")

ACTIONS: Mapping[str, Action] = {
    "walk": Action(_walk, gait.walk),
    "run": Action(_run, gait.run, styles=_UPRIGHT),
    "side_step": Action(_side_step, gait.side_step),
    "step_back": Action(_step_back, gait.step_back),
    "turn": Action(_turn, gait.turn),
    "squat": Action(_squat, strength.squat, styles=_UPRIGHT),
    "sit": Action(_sit, strength.sit),
    "jump": Action(_jump, strength.jump, styles=_UPRIGHT, speeds=False),
    "bow": Action(_bow, gestures.bow, styles=_UPRIGHT),
    "wave": Action(_wave, gestures.wave),
    "raise_arms": Action(_raise_arms, gestures.raise_arms, styles=_UPRIGHT),
    "punch": Action(_punch, gestures.punch, styles=_UPRIGHT),
    "kick": Action(_kick, strength.kick, styles=_UPRIGHT),
    "reach": Action(_reach, gestures.reach),
    "step_over": Action(_step_over, gait.step_over),
    "stand": Action(_stand, gestures.stand, speeds=False, opens=False),
}
"""Actions by name."""
