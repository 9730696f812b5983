"""The real clips beside the checkout become a store (needs the shared data; under a minute)."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import torch

from scalemogen.data_modules import BVH, MotionStore, Origin, check_store
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


def build(root: Path, **options: str) -> tuple[BVH, float]:
    """Return the data module with its store built, and the seconds of CPU time that took."""
    module = BVH(
        str(SHARED / "bvh.zip"),
        Origin("Bandai-Namco-Research-Motiondataset", "CC BY-NC 4.0", CITATION),
        captions=str(SHARED / "captions.csv"),
        mirror=True,
        root=str(root),
        **options,  # type: ignore[arg-type]
    )
    began = time.process_time()
    module.prepare_data()
    return module, time.process_time() - began


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[BVH, float]:
    return build(tmp_path_factory.mktemp("data"), skeleton="bandai_namco")


@pytest.fixture(scope="module")
def retargeted(tmp_path_factory: pytest.TempPathFactory) -> MotionStore:
    return build(tmp_path_factory.mktemp("data"), joint_map="bandai_namco")[0].store


def joints_of(store: MotionStore, clip: int) -> torch.Tensor:
    return get_layout("humanml3d").positions(torch.from_numpy(store.clip(clip).copy()))


def test_the_real_clips_become_a_clean_store(built: tuple[BVH, float]) -> None:
    module, seconds = built
    assert seconds < 120
    store = module.store
    assert check_store(store).clean
    counts = {split: len(store.indices(split)) for split in store.split_names}
    assert counts == {"train": 2 * 840, "test": 155, "compose": 107, "val": 63}
    assert store.attributes(store.index("dataset-1_bow_active_001")) == {"content": "bow", "style": "active"}
    for batch in module.train_dataloader():
        assert batch.features.isfinite().all()
        assert float(batch.features.abs().max()) < 100


@pytest.mark.parametrize("which", ["own joints", "22 joints"])
def test_left_is_left_and_feet_are_on_the_floor(which: str, request: pytest.FixtureRequest) -> None:
    own = which == "own joints"
    store = request.getfixturevalue("built")[0].store if own else request.getfixturevalue("retargeted")
    names = ("Hand_L", "Hand_R") if own else ("left_wrist", "right_wrist")
    hands = [store.facts.skeleton.joints.index(name) for name in names]
    looked = [i for i, clip in enumerate(store.ids) if "raise-up-left-hand" in clip or "raise-up-right-hand" in clip]
    assert len(looked) > 50
    for index in looked:
        clip = store.ids[index]
        joints = joints_of(store, index)
        left, right = (float(joints[:, hand, 1].max()) for hand in hands)
        assert (left > right) == (("left" in clip) != clip.startswith("M")), clip
        assert abs(float(joints[..., 1].min())) < 0.02, clip
        said = " ".join(store.captions(index))
        assert ("left" in said) == (left > right), said


def test_knees_bend_forward_on_22_joints(retargeted: MotionStore) -> None:
    store, joints = retargeted, get_skeleton("humanml3d").joints
    assert (store.facts.fps, store.width, len(store)) == (20.0, 263, 2005)
    assert check_store(store).clean
    bent = backward = slid = rested = 0.0
    for clip in range(len(store)):
        places = joints_of(store, clip)
        left = places[:, joints.index("left_hip")] - places[:, joints.index("right_hip")]
        for side in ("left", "right"):
            hip, knee, ankle = (places[:, joints.index(f"{side}_{name}")] for name in ("hip", "knee", "ankle"))
            leg = hip - ankle
            # Of a leg folded up, hip at ankle, it cannot be told where its front is.
            seen = (leg.norm(dim=-1) > 0.25) & ((knee - (hip + ankle) / 2).norm(dim=-1) > 0.05)
            front = ((knee - (hip + ankle) / 2) * torch.linalg.cross(left, leg)).sum(-1)
            bent += float(seen.sum())
            backward += float((seen & (front < 0)).sum())
        resting = torch.from_numpy(store.clip(clip)[:-1, -4:].copy())
        feet = places[:, list(store.facts.skeleton.contacts)][..., [0, 2]]
        slid += float((feet.diff(dim=0).norm(dim=-1) * resting).sum()) * store.facts.fps
        rested += float(resting.sum())
        assert -0.05 < float(places[..., 1].min()) < 0.05, store.ids[clip]
    assert bent > 100_000
    assert backward == 0
    assert slid / rested < 0.04  # metres a second, of feet that count as resting
