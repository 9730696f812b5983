"""Descriptors against values computed by hand, their symmetries, and motions that must be told apart."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from helpers.motions import make_motion, standing
from scalemogen.metrics.functional import (
    Nearest,
    descriptor_points,
    group_spreads,
    majority,
    nearest_points,
    trajectory_descriptor,
)
from scalemogen.metrics.functional.neighbours import POSES, WEIGHTS
from scalemogen.motion.rotations import turn_about_y
from scalemogen.skeletons import get_skeleton

SKELETON = get_skeleton("humanml3d")
FPS = 20.0
JOINTS = len(SKELETON.joints)
LEFT_HAND, RIGHT_HAND = SKELETON.joints.index("left_wrist"), SKELETON.joints.index("right_wrist")


def describe(*positions: Tensor, fps: float = FPS) -> dict[str, Tensor]:
    """Describe clips (T, J, 3) of any lengths."""
    lengths = torch.tensor([len(clip) for clip in positions])
    padded = torch.full((len(positions), int(lengths.max()), *positions[0].shape[1:]), math.nan)
    for row, clip in zip(padded, positions, strict=True):
        row[: len(clip)] = clip
    return trajectory_descriptor(padded, lengths, fps=fps, facing=SKELETON.facing)


def nearest(
    query: dict[str, Tensor],
    reference: dict[str, Tensor],
    neighbours: int = 1,
    owners: tuple[Tensor, Tensor] | None = None,
) -> Nearest:
    spreads = group_spreads(reference)
    points = (descriptor_points(part, spreads) for part in (query, reference))
    return nearest_points(*points, neighbours=neighbours, owners=owners)


def stand(frames: int) -> Tensor:
    """Return someone standing still, facing +Z, (frames, J, 3)."""
    return standing(frames=frames).positions.clone()


def travel(frames: int, speed: float, turn: float = 0.0) -> Tensor:
    """Return someone gliding forward (metres per second), turning by `turn` radians (to the left) on the way."""
    angle = torch.linspace(0, turn, frames)
    step = turn_about_y(torch.tensor([0.0, 0.0, speed / FPS]).expand(frames, 3), angle)
    root = step.cumsum(0) - step[0]
    return turn_about_y(stand(frames), angle[:, None]) + root[:, None]


def wave(frames: int, hands: tuple[int, ...], swings: int, width: float = 0.3) -> Tensor:
    """Return someone who raises hands by a metre and moves them from side to side."""
    motion = stand(frames)
    time = torch.linspace(0, 1, frames)
    for hand in hands:
        motion[:, hand, 1] += torch.sin(math.pi * time)
        motion[:, hand, 0] += width * torch.sin(2 * math.pi * swings * time)
    return motion


def test_groups_of_one_who_stands_still() -> None:
    found = describe(stand(11), stand(1))
    shapes = {"extents": 3 * JOINTS, "swings": 3 * JOINTS, "poses": POSES * 3 * JOINTS}
    shapes |= {"path": 2 * POSES, "turn": POSES, "velocity": 2}
    assert {name: group.shape for name, group in found.items()} == {name: (2, size) for name, size in shapes.items()}
    for name in ("extents", "swings", "path", "turn", "velocity"):
        torch.testing.assert_close(found[name], torch.zeros(2, shapes[name]), atol=1e-5, rtol=0)
    torch.testing.assert_close(found["poses"][0].unflatten(0, (POSES, JOINTS, 3)), stand(POSES), atol=1e-5, rtol=0)


def test_path_velocity_and_turn_of_a_straight_and_a_curved_way() -> None:
    found = describe(travel(36, speed=1.4), travel(36, speed=2.0, turn=math.pi / 2))
    way = 1.4 * 35 / FPS
    torch.testing.assert_close(found["path"][0].reshape(POSES, 2)[:, 1], torch.linspace(0, way, POSES))
    torch.testing.assert_close(found["velocity"][0], torch.tensor([0.0, 1.4]), atol=1e-5, rtol=0)
    assert found["turn"][1, -1] == pytest.approx(math.pi / 2, abs=0.2)  # the ends are smoothed
    radius = 2.0 * 35 / FPS / (math.pi / 2)
    torch.testing.assert_close(found["path"][1, -2:], torch.full((2,), radius), atol=0.25, rtol=0)
    torch.testing.assert_close(found["velocity"][1], torch.tensor([0.0, 2.0]), atol=0.15, rtol=0)


def test_swings_count_how_often_a_range_is_crossed() -> None:
    found = describe(wave(121, (LEFT_HAND,), swings=5))["swings"].reshape(JOINTS, 3)
    # Side to side: 4 quarter ways of 0.3 m in each of 5 periods over a range of 0.6 m; up and down: 2 m over 1 m.
    assert found[LEFT_HAND, 0] == pytest.approx(4 * 0.3 * 5 / (0.6 + 0.2), rel=0.1)
    assert found[LEFT_HAND, 1] == pytest.approx(2 / (1 + 0.2), rel=0.05)
    torch.testing.assert_close(found[RIGHT_HAND], torch.zeros(3), atol=1e-5, rtol=0)


def test_place_and_direction_do_not_matter() -> None:
    clip = make_motion(frames=41).positions
    moved = turn_about_y(clip, torch.tensor(2.2)) + torch.tensor([3.0, 0.0, -5.0])
    here, there = describe(clip), describe(moved)
    for name in WEIGHTS:
        torch.testing.assert_close(there[name], here[name], atol=1e-4, rtol=1e-4)


def test_a_motion_does_not_depend_on_its_batch() -> None:
    long, short = make_motion(frames=41).positions, make_motion(frames=23, seed=1).positions
    together, alone = describe(long, short), describe(short)
    for name in WEIGHTS:
        torch.testing.assert_close(together[name][1:], alone[name])


def test_frame_rate_hardly_matters() -> None:
    slow, fast = make_motion(frames=41, fps=20.0), make_motion(frames=41, fps=20.0).resample(60.0)
    sparse, dense = describe(slow.positions), describe(fast.positions, fps=60.0)
    for name in WEIGHTS:
        assert torch.dist(sparse[name], dense[name]) < 0.1 * torch.linalg.vector_norm(sparse[name])


def test_similar_actions_are_told_apart() -> None:
    both = (LEFT_HAND, RIGHT_HAND)
    actions = {
        "walk": lambda n: travel(n, 1.2),
        "run": lambda n: travel(n, 3.0),
        "walk back": lambda n: travel(n, -1.0),
        "turn left": lambda n: travel(n, 1.1, 1.5),
        "turn right": lambda n: travel(n, 1.1, -1.5),
        "wave left": lambda n: wave(n, (LEFT_HAND,), 5),
        "wave right": lambda n: wave(n, (RIGHT_HAND,), 5),
        "wave both": lambda n: wave(n, both, 5),
        "raise left": lambda n: wave(n, (LEFT_HAND,), 5, width=0.03),
        "raise both": lambda n: wave(n, both, 5, width=0.03),
    }
    reference = describe(*(make(80) for make in actions.values()))
    query = describe(*(make(61) for make in actions.values()))
    assert nearest(query, reference).indices.flatten().tolist() == list(range(len(actions)))


def test_a_mirrored_motion_is_another_one() -> None:
    left = make_motion(frames=31)
    reference = describe(left.positions, left.mirrored().positions)
    query = describe(left.canonical().positions, left.mirrored().canonical().positions)
    found = nearest(query, reference)
    assert found.indices.tolist() == [[0], [1]]
    torch.testing.assert_close(found.distances, torch.zeros(2, 1, dtype=torch.float64), atol=1e-3, rtol=0)


def groups(values: list[float]) -> dict[str, Tensor]:
    """Return descriptors of one number a group, all 0 but the path."""
    column = torch.tensor(values)[:, None]
    return {name: column if name == "path" else torch.zeros_like(column) for name in WEIGHTS}


def test_nearest_and_distance_by_hand() -> None:
    reference = groups([0.0, 4.0, 6.0, 10.0])  # spread: sqrt(13)
    found = nearest(groups([1.0, 5.5]), reference, neighbours=2)
    assert found.indices.tolist() == [[0, 1], [2, 1]]
    assert found.distances[:, 0].tolist() == pytest.approx([1 / math.sqrt(13), 0.5 / math.sqrt(13)])
    assert found.distances[:, 1].tolist() == pytest.approx([3 / math.sqrt(13), 1.5 / math.sqrt(13)])


def test_references_without_spread_keep_distances_finite() -> None:
    found = nearest(groups([1.5]), groups([1.0, 1.0]))
    assert found.distances.item() == pytest.approx(0.5)


def test_more_queries_than_are_compared_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    values = torch.randn(23, generator=torch.Generator().manual_seed(0)).tolist()
    clips, owners = groups(values), torch.arange(23) % 7
    once = nearest(clips, clips, neighbours=3, owners=(owners, owners))
    monkeypatch.setattr("scalemogen.metrics.functional.neighbours.QUERIES", 5)
    again = nearest(clips, clips, neighbours=3, owners=(owners, owners))
    assert torch.equal(once.indices, again.indices)
    torch.testing.assert_close(once.distances, again.distances)


def test_neighbours_vote_and_the_nearest_settles_a_tie() -> None:
    assert majority(["a", "b", "b"]) == "b"
    assert majority(["a", "b"]) == "a"
    assert majority(["b", "c", "c", "b", "a"]) == "b"


def test_what_is_part_of_one_clip_is_not_compared() -> None:
    clips, own = groups([0.0, 1.0, 5.0]), torch.arange(3)
    assert nearest(clips, clips, owners=(own, own)).indices.tolist() == [[1], [0], [1]]
    with pytest.raises(ValueError, match="fewer than 3 references"):
        nearest(clips, clips, neighbours=3, owners=(own, own))


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="0 neighbours"):
        nearest(groups([1.0]), groups([1.0]), neighbours=0)
    with pytest.raises(ValueError, match=r"\[2, 1\] owners of 1 queries"):
        nearest(groups([1.0]), groups([1.0]), owners=(torch.arange(2), torch.arange(1)))
    with pytest.raises(ValueError, match=r"lengths in 1\.\.3"):
        trajectory_descriptor(stand(3)[None], torch.tensor([4]), fps=FPS, facing=SKELETON.facing)
    with pytest.raises(ValueError, match=r"\(B, T, J, 3\)"):
        trajectory_descriptor(stand(3), torch.tensor([3]), fps=FPS, facing=SKELETON.facing)
