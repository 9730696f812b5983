"""Clips are deterministic, human, and varied."""

from __future__ import annotations

import json
from collections import Counter

import numpy as np
import pytest
import torch

from scalemogen.errors import UserError
from scalemogen.motion.kinematics import forward_kinematics
from scalemogen.synthetic import ACTIONS, STYLES, SyntheticClip, generate_clip, synthetic_clips
from scalemogen.synthetic.body import ANKLES, ELBOWS, HIPS, KNEES, SHOULDERS, TOES, WRISTS

CLIPS = 120


@pytest.fixture(scope="module")
def clips() -> list[SyntheticClip]:
    return list(synthetic_clips(CLIPS, seed=7))


def bend(positions: np.ndarray, start: int, middle: int, end: int) -> np.ndarray:
    """Angle (T,) between two bones in a row, degrees; 0 is straight."""
    upper = positions[:, middle] - positions[:, start]
    lower = positions[:, end] - positions[:, middle]
    cosine = (upper * lower).sum(-1) / np.linalg.norm(upper, axis=-1) / np.linalg.norm(lower, axis=-1)
    return np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0)))


def within(values: np.ndarray, low: float, high: float) -> bool:
    return bool(low < values.min() and values.max() < high)


def test_same_arguments_same_clip() -> None:
    first, again = generate_clip(5, 3), generate_clip(5, 3)
    assert torch.equal(first.motion.positions, again.motion.positions)
    assert torch.equal(first.motion.rotations, again.motion.rotations)
    assert (first.captions, first.attributes) == (again.captions, again.attributes)
    other = generate_clip(5, 4)
    assert other.attributes != first.attributes or other.motion.frames != first.motion.frames


def test_iterator_and_direct_access_agree(clips: list[SyntheticClip]) -> None:
    for index in (0, 11, CLIPS - 1):
        assert torch.equal(generate_clip(index, 7).motion.positions, clips[index].motion.positions)


@pytest.mark.parametrize("index", [0, 4, 9])
def test_another_frame_rate_samples_the_same_movement(index: int) -> None:
    coarse, fine = generate_clip(index, 1, fps=20.0), generate_clip(index, 1, fps=60.0)
    assert (coarse.attributes, coarse.captions) == (fine.attributes, fine.captions)
    frames = min(coarse.motion.frames, (fine.motion.frames + 2) // 3)
    gap = coarse.motion.positions[:frames] - fine.motion.positions[::3][:frames]
    assert gap.norm(dim=-1).max() < 0.05


def test_lengths(clips: list[SyntheticClip]) -> None:
    seconds = np.array([clip.motion.seconds for clip in clips])
    assert seconds.min() >= 2.0 - 0.05
    assert seconds.max() <= 8.0 + 0.05
    assert (seconds <= 5.0).mean() > 0.5


def test_every_action_alike(clips: list[SyntheticClip]) -> None:
    single = Counter(clip.attributes["acts"][0]["action"] for clip in clips if len(clip.attributes["acts"]) == 1)
    assert single == dict.fromkeys(ACTIONS, CLIPS // 20)
    assert {clip.attributes["style"] for clip in clips} == set(STYLES)


def test_attributes_are_json(clips: list[SyntheticClip]) -> None:
    for clip in clips:
        assert json.loads(json.dumps(clip.attributes)) == clip.attributes
        assert sum(clip.attributes["seconds"]) == pytest.approx(clip.motion.seconds, abs=0.06)


def test_positions_are_the_forward_kinematics_of_the_rotations(clips: list[SyntheticClip]) -> None:
    for clip in clips[:30]:
        motion = clip.motion
        again = forward_kinematics(motion.rotations, motion.root, motion.bones, motion.skeleton.parents)
        assert (again - motion.positions).abs().max() < 1e-5


def test_starts_near_the_origin_facing_forward(clips: list[SyntheticClip]) -> None:
    for clip in clips:
        first = clip.motion.positions[0]
        assert first[0, [0, 2]].norm() < 0.06
        across = first[HIPS[0]] - first[HIPS[1]]
        assert across[0] > 0.99 * across.norm()


def test_bodies_differ(clips: list[SyntheticClip]) -> None:
    heights = np.array([float(clip.motion.bones[list(KNEES), 1].sum()) for clip in clips])
    assert heights.std() / np.abs(heights).mean() > 0.02


def test_joints_keep_human_ranges(clips: list[SyntheticClip]) -> None:
    for clip in clips:
        positions = clip.motion.positions.double().numpy()
        for side in (0, 1):
            knee = bend(positions, HIPS[side], KNEES[side], ANKLES[side])
            elbow = bend(positions, SHOULDERS[side], ELBOWS[side], WRISTS[side])
            assert within(knee, 1.0, 155.0), clip.captions[0]
            assert within(elbow, 1.0, 150.0), clip.captions[0]
            shin = positions[:, ANKLES[side]] - positions[:, KNEES[side]]
            foot = positions[:, TOES[side]] - positions[:, ANKLES[side]]
            ankle = np.degrees(
                np.arccos((shin * foot).sum(-1) / np.linalg.norm(shin, axis=-1) / np.linalg.norm(foot, axis=-1))
            )
            assert within(ankle, 5.0, 140.0), clip.captions[0]


def test_knees_and_elbows_bend_the_human_way(clips: list[SyntheticClip]) -> None:
    """The hinge's own axis never flips: the local rotation turns about one axis in one direction."""
    for clip in clips:
        rotations = clip.motion.rotations.double()
        rotations = rotations * torch.where(rotations[..., 3:] < 0, -1.0, 1.0)
        assert rotations[:, list(KNEES), 0].min() > 0.0
        left, right = rotations[:, ELBOWS[0], 1], rotations[:, ELBOWS[1], 1]
        assert left.max() < 0.0 < right.min()


def test_planted_feet_do_not_slide(clips: list[SyntheticClip]) -> None:
    stances = 0
    for clip in clips:
        positions = clip.motion.positions.double().numpy()
        for toe in TOES:
            low = positions[:, toe, 1] < 0.0215
            edges = np.flatnonzero(np.diff(np.concatenate(([0], low.astype(int), [0]))))
            for start, stop in zip(edges[::2], edges[1::2], strict=True):
                place = positions[start + 1 : stop - 1, toe][:, [0, 2]]
                if len(place) >= 2:
                    stances += 1
                    assert np.linalg.norm(place - place[0], axis=-1).max() < 0.01, clip.captions[0]
    assert stances > 2 * CLIPS


def test_feet_stay_above_the_floor(clips: list[SyntheticClip]) -> None:
    for clip in clips:
        heights = clip.motion.positions[..., 1]
        assert heights[:, list(TOES)].min() > 0.01
        assert heights[:, list(ANKLES)].min() > 0.04
        assert heights[:, [0, *WRISTS, *KNEES]].min() > 0.03


def test_movement_is_smooth(clips: list[SyntheticClip]) -> None:
    for clip in clips:
        positions = clip.motion.positions.double().numpy()
        speed = np.linalg.norm(np.diff(positions, axis=0), axis=-1) * 20.0
        push = np.linalg.norm(np.diff(positions, n=2, axis=0), axis=-1) * 400.0
        assert speed.max() < 12.0, clip.captions[0]
        assert push.max() < 180.0, clip.captions[0]
        assert np.median(push.max(axis=1)) < 60.0, clip.captions[0]


def test_hands_stay_out_of_the_trunk(clips: list[SyntheticClip]) -> None:
    for clip in clips:
        positions = clip.motion.positions.double().numpy()
        low, high = positions[:, 0], positions[:, 12]
        axis = high - low
        for wrist in WRISTS:
            share = np.clip(((positions[:, wrist] - low) * axis).sum(-1) / (axis * axis).sum(-1), 0.0, 1.0)
            away = np.linalg.norm(positions[:, wrist] - low - share[:, None] * axis, axis=-1)
            assert away.min() > 0.1, clip.captions[0]


@pytest.mark.parametrize(("index", "seed", "fps"), [(-1, 0, 20.0), (0, -1, 20.0), (0, 0, 0.0), (0, 0, float("nan"))])
def test_bad_arguments(index: int, seed: int, fps: float) -> None:
    with pytest.raises(UserError, match="synthetic clip"):
        generate_clip(index, seed, fps)


def test_simple_clips_show_one_neutral_action_each_at_most_twice() -> None:
    attributes = [generate_clip(index, 5, simple=True).attributes for index in range(16)]
    assert {act.get("count") for each in attributes for act in each["acts"]} == {None, 1, 2}
    assert sorted(act["action"] for each in attributes for act in each["acts"]) == sorted(ACTIONS)
    assert {each["style"] for each in attributes} == {"neutral"}
