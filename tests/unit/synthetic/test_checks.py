"""Checks hold on what the generator makes, with noise too, and fail on anything else."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from scalemogen.errors import UserError
from scalemogen.synthetic import SyntheticClip, check, generate_clip, mirrored_attributes, synthetic_clips

CLIPS = 200


@pytest.fixture(scope="module")
def clips() -> list[SyntheticClip]:
    return list(synthetic_clips(CLIPS, seed=21))


def holds(clip: SyntheticClip, attributes: dict[str, object] | None = None, noise: float = 0.0, seed: int = 0) -> bool:
    generator = torch.Generator().manual_seed(seed)
    positions = clip.motion.positions
    shaken = positions + noise * torch.randn(positions.shape, generator=generator)
    return all(check(replace(clip.motion, positions=shaken), attributes or clip.attributes).values())


@pytest.mark.parametrize(("noise", "share"), [(0.0, 0.97), (0.02, 0.95)])
def test_ground_truth_passes(clips: list[SyntheticClip], noise: float, share: float) -> None:
    passed = sum(holds(clip, noise=noise, seed=index) for index, clip in enumerate(clips))
    assert passed >= share * CLIPS


def test_place_and_direction_do_not_matter(clips: list[SyntheticClip]) -> None:
    angle = torch.tensor(2.1)
    turn = torch.tensor([[angle.cos(), 0.0, angle.sin()], [0.0, 1.0, 0.0], [-angle.sin(), 0.0, angle.cos()]])
    for clip in clips[:40]:
        moved = replace(clip.motion, positions=clip.motion.positions @ turn.T + torch.tensor([3.0, 0.4, -5.0]))
        assert check(moved, clip.attributes) == check(clip.motion, clip.attributes)


def test_mirrored_sentence_fails(clips: list[SyntheticClip]) -> None:
    for clip in clips:
        swapped = mirrored_attributes(clip.attributes)
        if swapped != clip.attributes and len(clip.attributes["acts"]) == 1:
            assert not holds(clip, swapped), clip.captions[0]


def test_other_actions_fail(clips: list[SyntheticClip]) -> None:
    single = [clip for clip in clips if len(clip.attributes["acts"]) == 1]
    tried = passed = 0
    for number, clip in enumerate(single):
        for other in single[number % 31 :: 31]:
            if other.attributes["acts"][0]["action"] != clip.attributes["acts"][0]["action"]:
                tried += 1
                passed += holds(clip, other.attributes)
    assert passed < 0.02 * tried


def test_order_of_two_acts_counts(clips: list[SyntheticClip]) -> None:
    pairs = [clip for clip in clips if len(clip.attributes["acts"]) == 2]
    backward = [{**clip.attributes, "acts": clip.attributes["acts"][::-1]} for clip in pairs]
    passed = sum(holds(clip, attributes) for clip, attributes in zip(pairs, backward, strict=True))
    assert passed < 0.1 * len(pairs)


def test_bad_input() -> None:
    clip = generate_clip(0, 0)
    with pytest.raises(UserError, match="8 frames"):
        check(clip.motion.slice(0, 5), clip.attributes)
    with pytest.raises(UserError, match="'fly'"):
        check(clip.motion, {"acts": [{"action": "fly"}]})
    with pytest.raises(UserError, match="acts"):
        check(clip.motion, {})
