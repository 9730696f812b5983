"""Features of whole batches in torch against one clip at a time in numpy: the same numbers, and sooner."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pytest
import torch

from helpers.clip_features import clip_features
from helpers.slow_features import published
from scalemogen.benchmarks.stores import joints
from scalemogen.motion import get_layout
from scalemogen.skeletons import get_skeleton


def best_seconds(work: Callable[[], object]) -> float:
    """CPU time: other processes do not enter."""
    times = []
    for _ in range(3):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)


def test_a_batch_gives_the_features_of_its_clips() -> None:
    positions, rotations = joints(clips=3, frames=41)
    batch = get_layout("humanml3d-published").encode(positions.double(), rotations.double(), get_skeleton("humanml3d"))
    for found, clip in zip(batch.numpy(), positions.double().numpy(), strict=True):
        np.testing.assert_allclose(found, clip_features(clip), atol=1e-6)


@pytest.mark.slow
def test_batches_are_faster_than_single_clips(record_property: Callable[[str, object], None]) -> None:
    positions, rotations = joints(clips=32, frames=120)
    layout, skeleton, arrays = get_layout("humanml3d-published"), get_skeleton("humanml3d"), positions.double().numpy()
    torch.set_num_threads(1)
    batch = best_seconds(lambda: layout.encode(positions, rotations, skeleton)) / 32
    by_clip = best_seconds(lambda: [clip_features(clip) for clip in arrays]) / 32
    by_frame = best_seconds(lambda: published(arrays[0]))
    record_property("batch_ms", 1e3 * batch)
    record_property("by_clip_times", by_clip / batch)
    record_property("by_frame_times", by_frame / batch)
    assert by_clip > 2 * batch
    assert by_frame > 100 * batch
