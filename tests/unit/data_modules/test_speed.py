"""Changed speeds: what the layout says of the motion recorded at another frame rate, and seeded draws of it."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from helpers.stores import write_store
from scalemogen.data_modules import Loading, MotionStore, SpeedChange, Stored, build_synthetic
from scalemogen.errors import UserError
from scalemogen.motion import get_layout


@pytest.fixture(scope="module", params=["humanml3d", "snapmogen", "humanml3d-published"])
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> MotionStore:
    path = tmp_path_factory.mktemp("speed") / "store"
    return build_synthetic(path, clips=20, layout=request.param, progress=False)


def change(store: MotionStore, most: float = 0.25) -> SpeedChange:
    return SpeedChange(store.facts, most, min_frames=16, max_frames=1000)


def distances(joints: torch.Tensor) -> torch.Tensor:
    """Return distances between all places of root, foot, head and hand: where a motion starts does not matter."""
    points = joints[:, [0, 10, 15, 21]].reshape(-1, 3).double()
    return torch.cdist(points, points, compute_mode="donot_use_mm_for_euclid_dist")


@pytest.mark.parametrize("factor", [0.8, 2.0])
def test_a_changed_clip_goes_through_the_same_poses_faster_or_slower(store: MotionStore, factor: float) -> None:
    layout = get_layout(store.facts.layout)
    features = store.clip(3)
    found = torch.from_numpy(change(store)(features, factor))
    assert len(found) == math.floor((len(features) - 1) / factor + 1e-6)
    joints = layout.positions(torch.from_numpy(np.array(features)))
    at = torch.arange(len(found)) * factor
    below = at.floor().long()
    above = (below + 1).clamp_max(len(joints) - 1)
    expected = torch.lerp(joints[below], joints[above], (at - below)[:, None, None])
    # With 2.0 no sample lies between two frames; else an arc is not its chord.
    error = (distances(layout.positions(found)) - distances(expected)).abs().max()
    assert error < (2e-3 if factor == 2.0 else 0.03)


def test_velocities_and_contacts_belong_to_the_new_speed(store: MotionStore) -> None:
    layout, skeleton = get_layout(store.facts.layout), store.facts.skeleton
    features = store.clip(2)
    groups = layout.groups(skeleton)
    found = change(store, 1.0)(features, 2.0)
    steps = np.linalg.norm(features[:, groups["step"]], axis=-1)[: 2 * len(found)].reshape(-1, 2).sum(-1)
    np.testing.assert_allclose(np.linalg.norm(found[:, groups["step"]], axis=-1), steps, atol=0.01)
    assert set(np.unique(found[:, groups["contacts"]])) <= {0.0, 1.0}
    assert found[:, groups["contacts"]].mean() <= features[:, groups["contacts"]].mean() + 0.05


def test_speeds_are_drawn_evenly_on_both_sides_and_keep_clips_long_enough(store: MotionStore) -> None:
    speed = change(store)
    assert speed.factor(0.5, 100) == 1.0
    assert speed.factor(0.0, 100) == pytest.approx(0.8)
    assert speed.factor(0.25, 100) * speed.factor(0.75, 100) == pytest.approx(1.0)
    for frames in range(16, 24):
        for draw in np.linspace(0, 1, 21, endpoint=False):
            factor = speed.factor(float(draw), frames)
            assert len(speed(store.clip(0)[:frames], factor)) >= 16


def batches(path: Path, **options: float) -> list[tuple[list[str], torch.Tensor]]:
    data = Stored(str(path), loading=Loading(batch_size=4, max_frames=40, **options))  # type: ignore[arg-type]
    loader = data.train_dataloader()
    return [(batch.clip_ids, batch.features) for batch in loader]


def test_draws_are_seeded_and_leave_the_order_of_clips_alone(store: MotionStore) -> None:
    plain, once, again = batches(store.path), batches(store.path, speed=0.5), batches(store.path, speed=0.5)
    assert [ids for ids, _ in once] == [ids for ids, _ in plain]
    for (_, first), (_, second) in zip(once, again, strict=True):
        torch.testing.assert_close(first, second, atol=0, rtol=0)
    assert not torch.equal(once[0][1], plain[0][1])
    assert max(features.shape[1] for _, features in once) <= 40


def test_a_worker_gives_the_same_batches(tmp_path: Path) -> None:
    build_synthetic(tmp_path / "s", clips=20, progress=False)
    here, there = (batches(tmp_path / "s", speed=0.5, workers=workers) for workers in (0, 1))
    for (ids, first), (names, second) in zip(here, there, strict=True):
        assert ids == names
        torch.testing.assert_close(first, second, atol=0, rtol=0)


@pytest.mark.parametrize("speed", [-0.1, 1.5, float("nan")])
def test_speeds_out_of_range_are_refused(speed: float) -> None:
    with pytest.raises(UserError, match="0 <= speed <= 1"):
        Loading(speed=speed)


def test_validation_plays_clips_as_they_are(tmp_path: Path) -> None:
    write_store(tmp_path / "s", {"train": (30, 30), "val": (30,)})
    (batch,) = Stored(str(tmp_path / "s"), loading=Loading(speed=0.5)).val_dataloader()
    assert batch.lengths.tolist() == [30]
