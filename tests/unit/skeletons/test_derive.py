"""Skeletons of joint trees that nobody wrote down."""

from __future__ import annotations

import pytest

from scalemogen.errors import UserError
from scalemogen.skeletons import Skeleton, derive_skeleton


def tree(text: str) -> tuple[list[str], list[int], list[tuple[float, float, float]]]:
    """Read lines of "name x y z", indented by depth; no numbers mean (0, 0, 0)."""
    names: list[str] = []
    parents: list[int] = []
    offsets: list[tuple[float, float, float]] = []
    path: list[int] = []
    for line in text.strip("\n").splitlines():
        depth = len(line) - len(line.lstrip())
        name, *numbers = line.split()
        x, y, z = (float(number) for number in numbers or ("0", "0", "0"))
        parents.append(path[depth - 1] if depth else -1)
        path[depth:] = [len(names)]
        names.append(name)
        offsets.append((x, y, z))
    return names, parents, offsets


def derive(text: str) -> Skeleton:
    return derive_skeleton("test", *tree(text))


def parts(skeleton: Skeleton) -> dict[str, list[str]]:
    owners = list(zip(skeleton.joints, skeleton.part_of_joint(), strict=True))
    return {part: [joint for joint, owner in owners if owner == number] for number, part in enumerate(skeleton.parts)}


def joints(skeleton: Skeleton, numbers: tuple[int, ...]) -> list[str]:
    return [skeleton.joints[number] for number in numbers]


def chain(skeleton: Skeleton, name: str = "inner-to-outer") -> list[str]:
    """Write every partition as "a+b | c"."""
    return [
        " | ".join("+".join(skeleton.parts[part] for part in group) for group in partition)
        for partition in skeleton.chain(name)
    ]


def pairs(skeleton: Skeleton) -> dict[str, str]:
    """Return left joint -> right joint."""
    return {
        skeleton.joints[joint]: skeleton.joints[partner]
        for joint, partner in enumerate(skeleton.mirror)
        if joint != partner and skeleton.sides[joint] > 0
    }


def finger(side: str, name: str, sign: int) -> str:
    return (
        f"        {side}Hand{name}1 {0.09 * sign} 0 0\n"
        f"         {side}Hand{name}2 {0.03 * sign} 0 0\n"
        f"          {side}Hand{name}3 {0.03 * sign} 0 0\n"
    )


def arm(side: str, sign: int, fingers: tuple[str, ...]) -> str:
    return (
        f"    {side}Shoulder {0.06 * sign} 0.1 0\n"
        f"     {side}Arm {0.12 * sign} 0 0\n"
        f"      {side}ForeArm {0.27 * sign} 0 0\n"
        f"       {side}Hand {0.27 * sign} 0 0\n"
    ) + "".join(finger(side, name, sign) for name in fingers)


def leg(side: str, sign: int) -> str:
    return (
        f" {side}UpLeg {0.09 * sign} -0.05 0\n"
        f"  {side}Leg 0 -0.43 0\n"
        f"   {side}Foot 0 -0.43 0\n"
        f"    {side}ToeBase 0 -0.07 0.12\n"
        f"     {side}Toe_End 0 0 0.07\n"
    )


TRUNK = """
Hips 0 1 0
 Spine 0 0.1 0
  Spine1 0 0.12 0
   Spine2 0 0.13 0
    Neck 0 0.15 0
     Head 0 0.1 0.02
"""
FINGERS = ("Thumb", "Index", "Middle", "Ring", "Pinky")


def human(left: tuple[str, ...] = FINGERS, right: tuple[str, ...] = FINGERS) -> str:
    return TRUNK + arm("Left", 1, left) + arm("Right", -1, right) + leg("Left", 1) + leg("Right", -1)


def test_fingers_are_one_part_a_hand() -> None:
    skeleton = derive(human())
    found = parts(skeleton)
    assert list(found) == [
        "root",
        "spine",
        "head",
        "left arm",
        "left hand",
        "right arm",
        "right hand",
        "left leg",
        "right leg",
    ]
    assert len(found["left hand"]) == 15
    assert found["left arm"] == ["LeftShoulder", "LeftArm", "LeftForeArm", "LeftHand"]
    assert joints(skeleton, skeleton.contacts) == ["LeftFoot", "LeftToeBase", "RightFoot", "RightToeBase"]
    assert joints(skeleton, skeleton.facing) == ["LeftUpLeg", "RightUpLeg", "LeftShoulder", "RightShoulder"]
    assert len(pairs(skeleton)) == 24
    assert chain(skeleton) == [
        "root+spine+head+left arm+left hand+right arm+right hand+left leg+right leg",
        "root+spine | head+left arm+left hand+right arm+right hand+left leg+right leg",
        "root+spine | head+left arm+left hand+right arm+right hand | left leg+right leg",
        "root | spine | head | left arm+left hand+right arm+right hand | left leg+right leg",
        "root | spine | head | left arm+right arm | left hand+right hand | left leg+right leg",
        "root | spine | head | left arm | left hand | right arm | right hand | left leg | right leg",
    ]
    assert chain(skeleton, "lower-upper")[1] == (
        "root+left leg+right leg | spine+head+left arm+left hand+right arm+right hand"
    )


def test_a_lost_finger_leaves_the_sides_but_not_the_mirror() -> None:
    skeleton = derive(human(right=FINGERS[:-1]))
    assert {"left arm", "right arm", "left hand", "right hand"} <= set(skeleton.parts)
    assert "left arm+right arm" in chain(skeleton)[-2]
    assert "LeftArm" not in pairs(skeleton)
    assert pairs(skeleton)["LeftUpLeg"] == "RightUpLeg"
    assert joints(skeleton, skeleton.facing[2:]) == ["LeftShoulder", "RightShoulder"]


def test_every_bone_is_inside_a_group_by_hand() -> None:
    skeleton = derive("a\n b 0 1 0\n  c 0 1 0\n   d 0 1 0\n  e 1 0 0")
    assert skeleton.parts == ("root", "b", "c", "e")
    assert skeleton.pools == (
        ((0,), (0, 1), (1, 2), (2, 3), (1, 4)),
        ((0,), (0, 1), (1, 2, 3), (1, 4)),
    )
    assert skeleton.links == (
        ((0, 1), (1, 2), (1, 4), (2, 3)),
        ((0, 1), (1, 2), (1, 4), (2, 3)),
        ((0, 1), (1, 2), (1, 3)),
    )


@pytest.mark.parametrize("length", [1, 2, 5])
def test_a_single_chain(length: int) -> None:
    skeleton = derive("\n".join(" " * depth + f"bone{depth} 0 1 0" for depth in range(length)))
    assert skeleton.parts == ("root", "bone1")[:length]
    assert skeleton.contacts == ()
    assert skeleton.facing == (0, 0, 0, 0)
    assert skeleton.mirror == tuple(range(length))
    assert [len(partition) for partition in skeleton.chain("inner-to-outer")] == ([1, 2] if length > 1 else [1])


def test_a_quadruped_stands_on_four_feet() -> None:
    front = " {s}Shoulder {x} -0.1 0\n  {s}Arm 0 -0.2 0\n   {s}Hand 0 -0.2 0\n"
    hind = " {s}Thigh {x} -0.1 0\n  {s}Shin 0 -0.2 0\n   {s}Paw 0 -0.2 0\n"
    text = "Hips\n" + "".join(hind.format(s=s, x=x) for s, x in (("L", 0.1), ("R", -0.1)))
    text += " Tail 0 0 -0.1\n  Tail1 0 -0.1 -0.1\n Spine 0 0 0.3\n  Chest 0 0 0.3\n"
    text += "".join(
        "  " + line + "\n" for s, x in (("L", 0.1), ("R", -0.1)) for line in front.format(s=s, x=x).splitlines()
    )
    text += "   Neck 0 0.1 0.1\n    Head 0 0.1 0.1\n"
    skeleton = derive(text)
    assert skeleton.parts == (
        "root",
        "left leg",
        "right leg",
        "tail",
        "spine",
        "left arm",
        "right arm",
        "head",
    )
    assert joints(skeleton, skeleton.contacts) == ["LPaw", "RPaw", "LHand", "RHand"]
    assert joints(skeleton, skeleton.facing) == ["LThigh", "RThigh", "LShoulder", "RShoulder"]
    assert chain(skeleton)[2] == "root+spine | left leg+right leg+tail | left arm+right arm+head"


NUMBERED = """
j0
 j1 -0.1 -0.1 0
  j2 0 -0.4 0
   j3 0 -0.4 0
 j4 0.1 -0.1 0
  j5 0 -0.4 0
   j6 0 -0.4 0
 j7 0 0.3 0
  j8 0.2 0 0
   j9 0.3 0 0
  j10 -0.2 0 0
   j11 -0.3 0 0
  j12 0 0.2 0
"""


def test_sides_and_feet_from_the_rest_pose_where_names_say_nothing() -> None:
    skeleton = derive(NUMBERED)
    assert pairs(skeleton) == {"j4": "j1", "j5": "j2", "j6": "j3", "j8": "j10", "j9": "j11"}
    assert joints(skeleton, skeleton.contacts) == ["j6", "j3"]
    assert joints(skeleton, skeleton.facing) == ["j4", "j1", "j8", "j10"]
    assert chain(skeleton)[3] == "root | j1+j4 | j7 | j8+j10 | j12"


def test_names_decide_where_the_rest_pose_lies_on_its_side() -> None:
    names, parents, offsets = tree(human(left=(), right=()))
    skeleton = derive_skeleton("lying", names, parents, [(y, x, z) for x, y, z in offsets])
    assert joints(skeleton, skeleton.contacts) == ["LeftFoot", "LeftToeBase", "RightFoot", "RightToeBase"]
    assert pairs(skeleton)["LeftArm"] == "RightArm"


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("LeftArm", "RightArm"),
        ("left_arm", "right_arm"),
        ("LEFT_ARM", "RIGHT_ARM"),
        ("L_arm", "R_arm"),
        ("arm.L", "arm.R"),
        ("lArm", "rArm"),
        ("Bip01 L UpperArm", "Bip01 R UpperArm"),
        ("mixamorig:LeftArm", "mixamorig:RightArm"),
        ("leg_fl", "leg_fr"),
    ],
)
def test_ways_to_name_sides(left: str, right: str) -> None:
    skeleton = derive_skeleton("test", ["body", right, left], [-1, 0, 0], [(0, 0, 0)] * 3)
    assert pairs(skeleton) == {left: right}
    assert skeleton.sides == (0, -1, 1)


def test_limbs_that_branch_differently_are_no_pair() -> None:
    skeleton = derive("body\n left 1 0 0\n  tip 1 0 0\n right -1 0 0")
    assert skeleton.mirror == (0, 1, 2, 3)
    assert skeleton.sides == (0, 1, 0, -1)


def test_a_tree_without_size_is_measured_in_bones() -> None:
    skeleton = derive("a\n b\n  c\n   d\n    e\n     f\n      g\n       h\n       i\n  j")
    assert parts(skeleton) == {
        "root": ["a"],
        "b": ["b"],
        "c": ["c", "d", "e", "f", "g"],
        "h": ["h", "i"],
        "j": ["j"],
    }


def test_a_centipede_keeps_one_contact_a_foot_and_at_most_eight() -> None:
    text = "Hips 0 0 0\n"
    for index in range(10):
        text += f" leg{index}_L 0.1 -0.1 {index}\n  leg{index}_foot_L 0 -0.5 0\n"
        text += f" leg{index}_R -0.1 -0.1 {index}\n  leg{index}_foot_R 0 -0.5 0\n"
    skeleton = derive(text)
    assert joints(skeleton, skeleton.contacts) == [f"leg{index}_foot_{side}" for index in range(4) for side in "LR"]


def test_what_is_given_is_kept_and_the_rest_derived() -> None:
    names, parents, offsets = tree(human(left=(), right=()))
    skeleton = derive_skeleton(
        "test",
        names,
        parents,
        offsets,
        contacts=(9,),
        parts={"limbs": range(6, len(names)), "middle": range(6)},
        chains={"two": [((0, 1),), ((1,), (0,))], "flat": [((1,), (0,))]},
    )
    assert skeleton.contacts == (9,)
    assert skeleton.parts == ("limbs", "middle")
    assert skeleton.levels == (24, 4, 2)
    assert skeleton.chain("two") == (((0, 1),), ((1,), (0,)))
    assert skeleton.chain("flat") == (((1,), (0,)),)
    assert skeleton.chain("whole-body") == (((0, 1),), ((0,), (1,)))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"joints": ["a", "b", "b"]}, r"skeleton test: joints need names of their own, repeated: \['b'\]"),
        ({"joints": []}, "skeleton test: joints need names of their own"),
        ({"parents": [-1, 0]}, "3 joints need as many parents and offsets, got 2 and 3"),
        ({"parents": [-1, 2, 0]}, r"the parent of joint b \(number 1\) must come before it, got 2"),
        ({"parents": [0, 0, 0]}, "joint a is the first one, so its parent must be -1, not 0"),
        ({"offsets": [(0, 0, 0), (0, float("nan"), 0), (0, 0, 0)]}, "offset of joint b must be three finite metres"),
        ({"offsets": [(0, 0, 0), (0, 1), (0, 0, 0)]}, r"an offset must be three finite metres, got \(0, 1\)"),
        ({"contacts": [3]}, r"contacts \(3,\) must be any joint numbers from 0 to 2"),
        ({"contacts": [1, 1]}, r"contacts \(1, 1\) repeat a joint"),
        ({"mirror": [0, 1]}, r"mirror \(0, 1\) must be 3 joint numbers from 0 to 2"),
        ({"mirror": [0, 2, 2]}, "the mirror of b is c, but the mirror of c is another joint"),
        ({"mirror": [1, 0, 2]}, "a and b are mirrored, but their parents are not"),
        ({"facing": [1, 2, 1]}, r"facing \(1, 2, 1\) must be 4 joint numbers from 0 to 2"),
        ({"parts": {"one": [0, 1], "two": [1, 2]}}, "joint b is in parts one and two"),
        ({"parts": {"one": [0, 1]}}, "no part holds joint c"),
        ({"parts": {"one": [0, 1, 2], "two": []}}, "part two has no joint"),
        ({"parts": {"one": [0, 1, 2, 3]}}, "part one has joint 3 of 3"),
        ({"pools": [((0, 1, 2),)]}, "levels are given without parts"),
        (
            {"parts": {"one": [0, 1, 2]}, "pools": [((0, 2, 1),)]},
            r"group 0 \(0, 2, 1\) of level 0 must hold increasing",
        ),
        ({"parts": {"one": [0, 1, 2]}, "pools": [((0, 1, 3),)]}, r"group 0 \(0, 1, 3\) of level 0 .* 0 to 2"),
        ({"parts": {"one": [0, 1, 2]}, "pools": [((0, 2),)]}, "level 0 has no group with finer node 1"),
        ({"parts": {"one": [0, 1, 2]}, "pools": [((0, 1, 2), (0,))]}, "the last level has 2 groups, which need names"),
        ({"links": [()]}, "links for the joints and for every level"),
        ({"links": [((0, 3),), (), ()]}, r"link \(0, 3\) of level 0 must be two increasing nodes below 3"),
        ({"links": [((1, 0),), (), ()]}, r"link \(1, 0\) of level 0 must be two increasing"),
        ({"chains": {"x": [((0, 1, 2),)]}}, r"part chain x: group {root, b, c} of the last step must be split"),
        ({"chains": {"x": []}}, "part chain x: is empty"),
    ],
)
def test_unsound_input_is_refused_by_name(changes: dict[str, object], message: str) -> None:
    arguments: dict[str, object] = {"joints": ["a", "b", "c"], "parents": [-1, 0, 0], "offsets": [(0, 0, 0)] * 3}
    with pytest.raises(UserError, match=message):
        derive_skeleton("test", **(arguments | changes))  # type: ignore[arg-type]
