"""The embedded data set: splits, mirrored copies, and a store that follows its options."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from scalemogen.data_modules import Loading, MotionStore, Synthetic, build_synthetic, check_store
from scalemogen.data_modules.captions import swap_sides
from scalemogen.data_modules.conversion import block_split
from scalemogen.synthetic import generate_clip, mirrored_attributes


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> MotionStore:
    folder = tmp_path_factory.mktemp("synthetic")
    return build_synthetic(folder / "store", clips=20, seed=3, mirror=True, progress=False)


def test_clips_are_those_of_the_generator(store: MotionStore) -> None:
    assert check_store(store).clean
    clip = generate_clip(7, 3)
    index = store.index("000007")
    assert store.captions(index) == list(clip.captions)
    assert store.attributes(index) == clip.attributes
    assert store.lengths[index] == clip.motion.frames - 1
    assert store.facts.skeleton.name == "humanml3d"


def test_each_block_gives_one_clip_to_validation_and_one_to_test(store: MotionStore) -> None:
    assert Counter(block_split(i) for i in range(200)) == {"train": 180, "val": 10, "test": 10}
    assert {name: len(store.indices(name)) for name in store.split_names} == {"train": 36, "val": 1, "test": 1}
    assert len({tuple(block_split(20 * block + i) for i in range(20)) for block in range(20)}) > 10


def test_mirrored_copies_say_what_they_show(store: MotionStore) -> None:
    for index in store.indices("train").tolist():
        name = store.ids[index]
        if not name.startswith("M"):
            continue
        original = store.index(name[1:])
        assert store.attributes(index) == mirrored_attributes(store.attributes(original))
        assert store.captions(index) == [swap_sides(caption) for caption in store.captions(original)]
        assert store.lengths[index] == store.lengths[original]
        # Turns and sideways steps change their sign, forward steps and heights do not.
        signs = np.array([-1.0, -1.0, 1.0, 1.0])
        np.testing.assert_allclose(store.clip(index)[:, :4], store.clip(original)[:, :4] * signs, atol=1e-3)


def test_the_store_follows_its_options(tmp_path: Path) -> None:
    paths = {
        Synthetic(root=str(tmp_path), **options).path
        for options in ({}, {"seed": 1}, {"clips": 40}, {"fps": 30.0}, {"mirror": True}, {"layout": "snapmogen"})
    }
    assert len(paths) == 6
    assert Synthetic(root=str(tmp_path), loading=Loading(batch_size=2, max_frames=80, workers=1)).path in paths
