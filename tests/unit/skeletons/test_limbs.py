"""Legs and arms are found whatever joints are called."""

from __future__ import annotations

import pytest

from scalemogen.skeletons import derive_skeleton, find_limbs, get_skeleton

WANTED = {
    "humanml3d": ("left_hip left_knee left_ankle left_foot", "left_shoulder left_elbow left_wrist left_wrist"),
    "kit": ("left_hip left_knee left_ankle left_toe", "left_shoulder left_elbow left_wrist left_wrist"),
    "snapmogen": (
        "L_legUpper0001_bind_JNT L_legLower0001_bind_JNT L_foot0001_bind_JNT L_foot0002_bind_JNT",
        "L_armUpper0001_bind_JNT L_armLower0001_bind_JNT L_hand0001_bind_JNT L_hand0001_bind_JNT",
    ),
    "bandai_namco": ("UpperLeg_L LowerLeg_L Foot_L Toes_L", "UpperArm_L LowerArm_L Hand_L Hand_L"),
}


@pytest.mark.parametrize("name", WANTED)
def test_limbs_of_the_shipped_skeletons(name: str) -> None:
    skeleton = get_skeleton(name)
    limbs = find_limbs(skeleton)
    assert [limb.kind for limb in limbs] == ["leg", "leg", "arm", "arm"]
    for left, right, joints in zip(limbs[::2], limbs[1::2], WANTED[name], strict=True):
        assert " ".join(skeleton.joints[joint] for joint in left[1:]) == joints
        assert tuple(skeleton.mirror[joint] for joint in left[1:]) == right[1:]


def test_a_chain_has_no_limbs() -> None:
    assert find_limbs(derive_skeleton("chain", ("a", "b", "c"), (-1, 0, 1), [(0, 0, 0), (0, 1, 0), (0, 1, 0)])) == ()
