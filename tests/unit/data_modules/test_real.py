"""The real clips beside the checkout become a store (needs the shared data; under a minute)."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import torch

from scalemogen.data_modules import BVH, Origin, check_store
from scalemogen.motion import get_layout
from scalemogen.skeletons import get_skeleton

SHARED = Path(__file__).parents[4] / "shared" / "data" / "bandai_namco"
CITATION = (
    "Kobayashi et al., Motion Capture Dataset for Practical Use of AI-based Motion Editing and Stylization,"
    " arXiv 2306.08861"
)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not SHARED.is_dir(), reason="needs ../shared/data/bandai_namco beside the checkout"),
]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[BVH, float]:
    """Return the data module with its store built, and the seconds that took."""
    module = BVH(
        str(SHARED / "bvh.zip"),
        Origin("Bandai-Namco-Research-Motiondataset", "CC BY-NC 4.0", CITATION),
        captions=str(SHARED / "captions.csv"),
        skeleton="bandai_namco",
        mirror=True,
        root=str(tmp_path_factory.mktemp("data")),
    )
    began = time.perf_counter()
    module.prepare_data()
    return module, time.perf_counter() - began


def test_the_real_clips_become_a_clean_store(built: tuple[BVH, float]) -> None:
    module, seconds = built
    assert seconds < 240
    store = module.store
    assert check_store(store).clean
    counts = {split: len(store.indices(split)) for split in store.split_names}
    assert counts == {"train": 2 * 840, "test": 155, "compose": 107, "val": 63}
    assert store.attributes(store.index("dataset-1_bow_active_001")) == {"content": "bow", "style": "active"}
    for batch in module.train_dataloader():
        assert batch.features.isfinite().all()
        assert float(batch.features.abs().max()) < 100


def test_left_is_left_and_feet_are_on_the_floor(built: tuple[BVH, float]) -> None:
    store = built[0].store
    skeleton, layout = get_skeleton("bandai_namco"), get_layout("humanml3d")
    hands = [skeleton.joints.index(f"Hand_{side}") for side in "LR"]
    looked = [i for i, clip in enumerate(store.ids) if "raise-up-left-hand" in clip or "raise-up-right-hand" in clip]
    assert len(looked) > 50
    for index in looked:
        clip = store.ids[index]
        joints = layout.positions(torch.from_numpy(store.clip(index).copy()))
        left, right = (float(joints[:, hand, 1].max()) for hand in hands)
        assert (left > right) == (("left" in clip) != clip.startswith("M")), clip
        assert abs(float(joints[..., 1].min())) < 0.02, clip
        said = " ".join(store.captions(index))
        assert ("left" in said) == (left > right), said
