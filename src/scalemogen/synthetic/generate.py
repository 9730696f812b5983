"""Clips: what happens is drawn, staged, played, and described."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
import torch

from scalemogen.errors import UserError
from scalemogen.motion import Motion
from scalemogen.synthetic.actions import ACTIONS, draw_act
from scalemogen.synthetic.acts import Act
from scalemogen.synthetic.body import Body, joint_positions
from scalemogen.synthetic.captions import describe
from scalemogen.synthetic.curves import Array
from scalemogen.synthetic.dice import Dice
from scalemogen.synthetic.stage import Stage
from scalemogen.synthetic.style import STYLES
from scalemogen.synthetic.turns import quaternions

SHORTEST, LONGEST = 2.0, 8.0
"""Bounds on the length of a clip, seconds."""

_PAIRS_PER_ROUND = 4
_PLAIN_STYLE = 0.5
_NEUTRAL = "neutral"
_SIMPLE_COUNT = 2


@dataclass(frozen=True)
class SyntheticClip:
    """A motion with what it shows.

    Attributes:
        motion: on the humanml3d skeleton, starting near the origin and facing +Z.
        captions: different sentences; see `captions.describe`.
        attributes: JSON-able: "acts" (one or two; fields of `Act`), "style", "seconds" (of each act).
    """

    motion: Motion
    captions: tuple[str, ...]
    attributes: dict[str, Any]


def generate_clip(index: int, seed: int, fps: float = 20.0, simple: bool = False) -> SyntheticClip:
    """Make clip number `index` of the endless data set `seed`.

    The same arguments give the same clip on every machine and in any order; another frame rate samples the same
    movement. Over any 20 consecutive indices from a multiple of 20, each action is shown once by itself, and four
    clips show two actions one after the other.

    Args:
        index: number of the clip.
        seed: of the data set.
        fps: frame rate.
        simple: one action a clip, in the neutral style, at most twice: a data set that is learned in minutes. Over any
            16 consecutive indices from a multiple of 16 each action is shown once.

    Raises:
        UserError: a negative index or seed, or a frame rate that is not positive.
    """
    if index < 0 or seed < 0 or not 0.0 < fps < 1000.0:
        raise UserError(
            f"synthetic clip {index}, seed {seed}, {fps} fps: index and seed from 0, fps above 0 and below 1000"
        )
    dice = Dice.seeded(seed, index)
    names = _names(index, seed, dice, 0 if simple else _PAIRS_PER_ROUND)
    for _ in range(200):
        style = _NEUTRAL if simple else _style(names, dice)
        stage = Stage(Body.draw(dice), style, dice)
        acts = tuple(_draw(name, style, dice, simple) for name in names)
        begins = []
        for act in acts:
            begins.append(stage.time)
            ACTIONS[act.action].perform(stage, act)
            stage.time += dice.uniform(0.0, 0.2)
        seconds = stage.time + dice.uniform(0.2, 0.45)
        if SHORTEST <= seconds <= LONGEST:
            break
    bounds = [0.0, *begins[1:], seconds]
    attributes: dict[str, Any] = {
        "acts": [act.to_dict() for act in acts],
        "style": style,
        "seconds": [round(b - a, 3) for a, b in pairwise(bounds)],
    }
    words = torch.Generator().manual_seed(Dice.seeded(seed, index, 1).integer(0, 2**31))
    motion = _motion(stage.body, *stage.play(fps, seconds), fps)
    return SyntheticClip(motion, describe(attributes, words), attributes)


def synthetic_clips(count: int, seed: int, fps: float = 20.0) -> Iterator[SyntheticClip]:
    """Yield clips 0, ..., count - 1 of the data set `seed`."""
    for index in range(count):
        yield generate_clip(index, seed, fps)


def _draw(name: str, style: str, dice: Dice, simple: bool) -> Act:
    act = draw_act(name, style, dice)
    while simple and act.count is not None and act.count > _SIMPLE_COUNT:
        act = draw_act(name, style, dice)
    return act


def _names(index: int, seed: int, dice: Dice, pairs: int) -> tuple[str, ...]:
    number, place = divmod(index, len(ACTIONS) + pairs)
    slot = _round(seed, number, pairs)[place]
    if slot is not None:
        return (slot,)
    first = dice.choice([name for name, action in ACTIONS.items() if action.opens])
    return first, dice.choice([name for name in ACTIONS if name != first])


@lru_cache(maxsize=16)
def _round(seed: int, number: int, pairs: int) -> tuple[str | None, ...]:
    """Shuffled action names of one round; None stands for two actions in a row."""
    slots: list[str | None] = [*ACTIONS, *([None] * pairs)]
    return tuple(Dice.seeded(seed, number, 2).shuffled(slots))


def _style(names: tuple[str, ...], dice: Dice) -> str:
    allowed = [style for style in STYLES if all(style in ACTIONS[name].styles for name in names)]
    return allowed[0] if dice.chance(_PLAIN_STYLE) else dice.choice(allowed[1:])


def _motion(body: Body, root: Array, world: Array, fps: float) -> Motion:
    """Build the record from the root (T, 3) and every joint's rotation in the world (T, J, 3, 3)."""
    local = world.copy()
    local[:, 1:] = np.swapaxes(world[:, list(body.skeleton.parents[1:])], -1, -2) @ world[:, 1:]
    positions, rotations, offsets = (
        torch.from_numpy(values.astype(np.float32))
        for values in (joint_positions(body, root, world), quaternions(local), body.offsets)
    )
    return Motion(body.skeleton, positions, rotations, fps, offsets)
