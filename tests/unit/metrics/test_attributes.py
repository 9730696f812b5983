"""Attribute accuracy: high on ground truth, and wrong where, and only where, a motion was made wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from scalemogen.errors import UserError
from scalemogen.metrics import AttributeAccuracy, AttributeFigures
from scalemogen.metrics.functional import KINDS, read
from scalemogen.motion import Motion, get_layout
from scalemogen.synthetic import ACTIONS, SyntheticClip, check, synthetic_clips

CLIPS = 40
SEED = 77


@pytest.fixture(scope="module")
def clips() -> list[SyntheticClip]:
    return list(synthetic_clips(CLIPS, SEED))


def score(clips: list[SyntheticClip], change: Callable[[Motion], Motion] = lambda motion: motion) -> AttributeFigures:
    metric = AttributeAccuracy()
    metric.update([change(clip.motion) for clip in clips], [clip.attributes for clip in clips])
    return metric.compute()


def reverse(motion: Motion) -> Motion:
    return replace(motion, positions=motion.positions.flip(0), rotations=motion.rotations.flip(0))


def freeze(motion: Motion) -> Motion:
    return replace(motion, positions=motion.positions[:1].expand_as(motion.positions))


def test_ground_truth_holds_of_every_kind(clips: list[SyntheticClip]) -> None:
    found = score(clips)
    facts = [held for clip in clips for held in check(clip.motion, clip.attributes).values()]
    assert found.facts.item() == pytest.approx(sum(facts) / len(facts))
    assert found.facts >= 0.98
    assert found.sentences >= 0.95
    assert set(found.kinds) == set(KINDS)
    assert set(found.actions) == set(ACTIONS)
    for kind, share in found.kinds.items():
        assert share >= 0.85, kind  # a handful of acts each


def test_ground_truth_holds_as_it_comes_from_features(clips: list[SyntheticClip]) -> None:
    layout = get_layout("humanml3d")

    def through(motion: Motion) -> Motion:
        given = motion.retargeted().canonical(floor=True)
        return layout.to_motion(layout.from_motion(given), given.skeleton, given.fps)

    found = score(clips[:20], through)
    assert found.facts >= 0.95
    assert found.sentences >= 0.9


def test_mirrored_motion_loses_the_side_and_keeps_the_action(clips: list[SyntheticClip]) -> None:
    sided = [
        c for c in clips if c.attributes["acts"][0]["side"] in ("left", "right") and len(c.attributes["acts"]) == 1
    ]
    found = score(sided, lambda motion: motion.mirrored())
    assert found.kinds["side"] <= 0.05
    assert found.kinds["action"] >= 0.95
    assert found.kinds["count"] >= 0.9
    assert found.sentences <= 0.05


def test_walking_backwards_in_time_is_stepping_back() -> None:
    alone = (clip for clip in synthetic_clips(100, SEED) if len(clip.attributes["acts"]) == 1)
    walks = (clip for clip in alone if clip.attributes["acts"][0]["action"] == "walk")
    walk = next(clip for clip in walks if clip.attributes["acts"][0]["direction"] == "forward")
    back = {"acts": [{"action": "step_back", "speed": None}]}
    assert all(check(reverse(walk.motion), back).values())
    (verdict,) = read(reverse(walk.motion), walk.attributes | {"style": "neutral"})
    assert not verdict["action"]


def test_frozen_noisy_and_shuffled_motions_rank_below_the_truth(clips: list[SyntheticClip]) -> None:
    some = clips[:20]
    draw = torch.Generator().manual_seed(0)
    truth, frozen = score(some), score(some, freeze)
    noisy = score(
        some, lambda m: replace(m, positions=m.positions + 0.1 * torch.randn(m.positions.shape, generator=draw))
    )
    others = {id(one.motion): other.motion for one, other in zip(some, [*some[7:], *some[:7]], strict=True)}
    shuffled = score(some, lambda motion: others[id(motion)])
    for worse in (frozen, shuffled):
        assert worse.sentences <= 0.1
        assert worse.kinds["action"] <= 0.4 * truth.kinds["action"]
    assert frozen.kinds["side"] <= 0.1  # rounding decides which foot of a frozen figure leads
    assert truth.facts > noisy.facts > shuffled.facts


def test_kinds_of_one_act_by_hand(clips: list[SyntheticClip]) -> None:
    kick = next(clip for clip in clips if [act["action"] for act in clip.attributes["acts"]] == ["kick"])
    act = kick.attributes["acts"][0]
    assert read(kick.motion, {"acts": [act]}) == (
        {"action": True, "side": True, "direction": True, "count": True, "height": True},
    )
    other = {"left": "right", "right": "left", "forward": "side", "side": "forward", "low": "high", "high": "low"}
    wrong = {**act, "count": act["count"] + 1} | {name: other[act[name]] for name in ("side", "direction", "height")}
    assert read(kick.motion, {"acts": [wrong]}) == (
        {"action": True, "side": False, "direction": False, "count": False, "height": False},
    )
    (verdict,) = read(
        kick.motion, {"acts": [{**act, "action": "squat", "side": None, "direction": None, "height": None}]}
    )
    assert not verdict["action"]


def test_bad_input(clips: list[SyntheticClip]) -> None:
    metric = AttributeAccuracy()
    with pytest.raises(UserError, match="2 motions and 1 sets of attributes"):
        metric.update([clips[0].motion, clips[1].motion], [clips[0].attributes])
    with pytest.raises(UserError, match="8 frames"):
        metric.update([clips[0].motion.slice(0, 5)], [clips[0].attributes])
