"""A clip of HumanML3D: its features become its joints, its joints become its features."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from helpers.shared import SHARED, needs_data
from helpers.slow_features import published
from scalemogen.motion import Motion, Normaliser, get_layout
from scalemogen.skeletons import get_skeleton

pytestmark = needs_data("humanml3d_sample")

SAMPLE = SHARED / "humanml3d_sample"
WHOLE = 100
"""Frames that the smoothing of the heading does not connect with the cut end of the clip."""


@pytest.fixture(scope="module")
def joints() -> Tensor:
    return torch.from_numpy(np.load(SAMPLE / "new_joints" / "012314.npy"))


@pytest.fixture(scope="module")
def features() -> Tensor:
    return torch.from_numpy(np.load(SAMPLE / "new_joint_vecs" / "012314.npy")).float()


def test_features_give_the_published_joints(joints: Tensor, features: Tensor) -> None:
    torch.testing.assert_close(get_layout("humanml3d-published").positions(features), joints, atol=1e-5, rtol=0)


def test_joints_give_the_published_features(joints: Tensor, features: Tensor) -> None:
    motion = Motion.from_positions(get_skeleton("humanml3d"), joints, 20.0)
    extracted = get_layout("humanml3d-published").from_motion(motion)
    assert (extracted - features[:-1])[:WHOLE].abs().max() < 1e-4
    assert (extracted - features[:-1]).abs().max() < 2e-2
    np.testing.assert_allclose(extracted.numpy(), published(joints.double().numpy()), atol=3e-5)


def test_published_statistics_make_a_normaliser(features: Tensor) -> None:
    normaliser = Normaliser(*(torch.from_numpy(np.load(SAMPLE / f"{name}.npy")) for name in ("Mean", "Std")))
    normalised = normaliser.normalise(features)
    assert normalised[:, :-4].abs().mean() < 2
    torch.testing.assert_close(normaliser.denormalise(normalised), features, atol=1e-5, rtol=0)


def test_the_mended_layout_keeps_the_clip(joints: Tensor) -> None:
    motion, layout = Motion.from_positions(get_skeleton("humanml3d"), joints, 20.0), get_layout("humanml3d")
    back = layout.positions(layout.from_motion(motion))
    torch.testing.assert_close(distances(back), distances(joints[:-1]), atol=1e-5, rtol=0)


def distances(positions: Tensor) -> Tensor:
    """Distances between all joints of every 13th frame, which no turn or shift of the whole changes."""
    some = positions[::13].double().flatten(0, 1)
    return torch.linalg.vector_norm(some[:, None] - some, dim=-1)
