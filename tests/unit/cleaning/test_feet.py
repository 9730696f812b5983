"""Clean feet: sliding goes, and what must not move does not."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from helpers.motions import make_motion, slide
from scalemogen.cleaning import LEG_LIMIT, ROOT_LIMIT, clean_feet, find_feet
from scalemogen.cleaning.legs import STRETCH
from scalemogen.metrics.functional import foot_skating, jitter
from scalemogen.motion import Motion
from scalemogen.motion.kinematics import forward_kinematics, global_rotations
from scalemogen.skeletons import Skeleton, derive_skeleton
from scalemogen.synthetic import generate_clip
from scalemogen.synthetic.actions import ACTIONS

NAMES = ["humanml3d", "kit", "snapmogen", "bandai_namco"]
ROUNDING = 1e-6


def leg_joints(skeleton: Skeleton) -> list[int]:
    tops = [foot.limb.upper for foot in find_feet(skeleton)]
    found = set(tops)
    for joint, parent in enumerate(skeleton.parents):
        found |= {joint} if parent in found else set()
    return sorted(found)


def distances(one: Motion, other: Motion) -> Tensor:
    """(T, J) metres."""
    return torch.linalg.vector_norm(one.positions - other.positions, dim=-1)


def skating(motion: Motion) -> tuple[float, float]:
    found = foot_skating(motion.positions[None], None, skeleton=motion.skeleton, fps=motion.fps)
    return float(found.ratio), float(found.speed)


def clips() -> list[Motion]:
    """One clip of every action: walks, runs, jumps, sits, kicks, turns."""
    return [generate_clip(index, 0, simple=True).motion.retargeted() for index in range(len(ACTIONS))]


def assert_within_limits(before: Motion, after: Motion) -> None:
    skeleton = before.skeleton
    legs = leg_joints(skeleton)
    others = [joint for joint in range(len(skeleton.joints)) if joint not in legs]
    move = after.positions - before.positions
    assert float(distances(before, after)[:, legs].max()) <= LEG_LIMIT + ROUNDING
    assert float(move[:, others][..., [0, 2]].abs().max()) == 0.0
    assert float(move[:, others, 1].abs().max()) <= ROOT_LIMIT + ROUNDING
    torch.testing.assert_close(move[:, others, 1], move[:, :1, 1].expand(-1, len(others)), atol=1e-6, rtol=0)
    bent = [joint for foot in find_feet(skeleton) for joint in foot.limb[1:4]]
    kept = [joint for joint in range(len(skeleton.joints)) if joint not in bent]
    torch.testing.assert_close(after.rotations[:, kept], before.rotations[:, kept], atol=1e-6, rtol=0)
    found = forward_kinematics(after.rotations.double(), after.root.double(), after.bones.double(), skeleton.parents)
    torch.testing.assert_close(found.float(), after.positions, atol=1e-5, rtol=0)


def test_real_motion_hardly_changes() -> None:
    """Walking, running, jumping, sitting down: feet that do not slide stay where they are."""
    moved, slides = [], []
    for motion in clips():
        cleaned = clean_feet(motion)
        assert_within_limits(motion, cleaned)
        moved.append(distances(motion, cleaned)[:, leg_joints(motion.skeleton)])
        slides.append((skating(motion), skating(cleaned)))
    joined = torch.cat(moved)
    assert float(joined.mean()) < 0.002
    assert float(joined.max()) < 0.03
    assert all(after[0] <= before[0] + 0.01 for before, after in slides)


@pytest.mark.parametrize("centimetres", [6.0, 12.0])
def test_sliding_goes(centimetres: float) -> None:
    before, after, trembling = [], [], []
    for seed, motion in enumerate(clips()):
        sliding = slide(motion, centimetres, seed)
        cleaned = clean_feet(sliding)
        assert_within_limits(sliding, cleaned)
        before.append(skating(sliding))
        after.append(skating(cleaned))
        pair = [float(jitter(one.positions[None], None, fps=one.fps)) for one in (sliding, cleaned)]
        trembling.append(pair[1] / pair[0])
    (ratio, speed), (ratio_left, speed_left) = (torch.tensor(rows).nanmean(0).tolist() for rows in (before, after))
    assert ratio > 0.1
    assert ratio_left < 0.5 * ratio
    assert speed_left < 0.6 * speed
    assert sum(trembling) / len(trembling) < 1.1


def test_a_standing_person_stands_still() -> None:
    """Nothing but the noise moves the feet: what is left of it is a hundredth."""
    still = generate_clip(0, 0, simple=True).motion.retargeted()
    still = replace(
        still, positions=still.positions[:1].repeat(60, 1, 1), rotations=still.rotations[:1].repeat(60, 1, 1)
    )
    sliding = slide(still, 4.0)
    cleaned = clean_feet(sliding)
    contacts = list(still.skeleton.contacts)
    way, left = (m.positions[:, contacts][..., [0, 2]].diff(dim=0).norm(dim=-1).amin(1) for m in (sliding, cleaned))
    assert float(way.mean()) > 0.004
    assert float(left.mean()) < 0.0004


def test_feet_keep_their_turn_and_knees_their_side() -> None:
    for seed, motion in enumerate(clips()[:6]):
        sliding = slide(motion, 5.0, seed)
        cleaned = clean_feet(sliding)
        parents = motion.skeleton.parents
        worlds = [global_rotations(one.rotations.double(), parents) for one in (sliding, cleaned)]
        for foot in find_feet(motion.skeleton):
            limb = foot.limb
            same = (worlds[0][:, limb.lower] * worlds[1][:, limb.lower]).sum(-1).abs()
            assert float(same.min()) > 1 - 1e-6
            sides, reaches = [], []
            for one in (sliding, cleaned):
                hip, knee, ankle = (one.positions[:, joint].double() for joint in limb[1:4])
                along = torch.nn.functional.normalize(ankle - hip, dim=-1)
                sides.append((knee - hip) - ((knee - hip) * along).sum(-1, keepdim=True) * along)
                reaches.append((ankle - hip).norm(dim=-1))
            bent = sides[0].norm(dim=-1) > 0.05
            cosine = torch.cosine_similarity(*sides, dim=-1)
            assert float(cosine[bent].min()) > 0.7
            full = motion.bones[[limb.hinge, limb.lower]].norm(dim=-1).sum()
            assert bool((reaches[1] <= torch.maximum(reaches[0], STRETCH * full) + 1e-5).all()), (
                "no leg is overstretched"
            )


def test_who_hovers_comes_down() -> None:
    """A person who hovers in the middle of a clip comes down."""
    still = generate_clip(0, 0, simple=True).motion.retargeted()
    still = replace(
        still, positions=still.positions[:1].repeat(90, 1, 1), rotations=still.rotations[:1].repeat(90, 1, 1)
    )
    rise = torch.zeros(90)
    rise[30:60] = 0.025
    up = torch.stack((torch.zeros(90), rise, torch.zeros(90)), dim=-1)
    hovering = replace(still, positions=still.positions + up[:, None])
    cleaned = clean_feet(hovering)
    lowest = cleaned.positions[..., 1].amin(1)
    assert float((lowest[40:50] - lowest[:10].mean()).abs().max()) < 0.01


@pytest.mark.parametrize("name", NAMES)
@settings(deadline=None, max_examples=10)
@given(seed=st.integers(0, 10_000), fps=st.sampled_from([7.0, 20.0, 61.0]), size=st.floats(0.0, 40.0))
def test_limits_hold_for_any_motion(name: str, seed: int, fps: float, size: float) -> None:
    motion = slide(make_motion(name, frames=19, fps=fps, seed=seed), size, seed)
    assert_within_limits(motion, clean_feet(motion))


def test_what_may_not_change_stays() -> None:
    sliding = slide(clips()[3], 6.0)
    legs = leg_joints(sliding.skeleton)
    left = [joint for joint in legs if sliding.skeleton.sides[joint] > 0]
    frames = slice(12, 30)
    may_change = torch.zeros(sliding.positions.shape[:2])
    may_change[frames] = 1.0
    cleaned = clean_feet(sliding, may_change)
    moved = distances(sliding, cleaned)
    outside = torch.ones(sliding.frames, dtype=torch.bool)
    outside[frames] = False
    assert torch.equal(cleaned.positions[outside], sliding.positions[outside])
    assert torch.equal(cleaned.rotations[outside], sliding.rotations[outside])
    assert float(moved[frames][:, legs].max()) > 0.005
    assert float(moved[12:14].max()) < 0.02, "no jump at the border"
    only_left = torch.zeros_like(may_change)
    only_left[:, left] = 1.0
    one_leg = clean_feet(sliding, only_left)
    rest = [joint for joint in range(len(sliding.skeleton.joints)) if joint not in left]
    assert float(distances(sliding, one_leg)[:, rest].max()) == 0.0
    assert float(distances(sliding, one_leg)[:, left].max()) > 0.005
    assert clean_feet(sliding, torch.zeros_like(may_change)) is sliding
    with pytest.raises(ValueError, match=r"may_change \(3, 2\) does not fit"):
        clean_feet(sliding, torch.ones(3, 2))


def test_what_has_no_feet_comes_back() -> None:
    chain = derive_skeleton("chain", ["a", "b", "c"], [-1, 0, 1], [(0.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 1.0, 0.0)])
    turns = torch.tensor([0.0, 0.0, 0.0, 1.0]).expand(9, 3, 4)
    motion = Motion.from_rotations(chain, turns, torch.zeros(9, 3), 20.0)
    assert clean_feet(motion) is motion
    short = make_motion(frames=2)
    assert clean_feet(short) is short
