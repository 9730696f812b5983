"""Skeleton files: reading, overriding what is derived, writing, and every way to get one wrong."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.stores import bvh_text
from scalemogen.errors import UserError
from scalemogen.motion import Motion
from scalemogen.skeletons import SKELETONS, Skeleton, derive_skeleton, get_skeleton, write_skeleton
from scalemogen.skeletons.maps import get_joint_map

PAGE = Path(__file__).resolve().parents[3] / "docs" / "skeletons.md"

WALKER = """
name: walker
joints:
  - {name: body, parent: null, offset: [0, 0, 0]}
  - {name: hip_L, parent: body, offset: [0.1, -0.1, 0]}
  - {name: foot_L, parent: hip_L, offset: [0, -0.4, 0]}
  - {name: hip_R, parent: body, offset: [-0.1, -0.1, 0]}
  - {name: foot_R, parent: hip_R, offset: [0, -0.4, 0]}
  - {name: mast, parent: body, offset: [0, 0.5, 0]}
"""
PARTS = """
parts:
  legs: [hip_L, foot_L, hip_R, foot_R]
  frame: [mast, body]
"""

HUMAN = get_skeleton("humanml3d")


def read(folder: Path, text: str) -> Skeleton:
    path = folder / "walker.yaml"
    path.write_text(text)
    return get_skeleton(path)


def test_names_parents_and_offsets_are_enough(tmp_path: Path) -> None:
    skeleton = read(tmp_path, WALKER)
    names = ["body", "hip_L", "foot_L", "hip_R", "foot_R", "mast"]
    offsets = [(0, 0, 0), (0.1, -0.1, 0), (0, -0.4, 0), (-0.1, -0.1, 0), (0, -0.4, 0), (0, 0.5, 0)]
    assert skeleton == derive_skeleton("walker", names, [-1, 0, 1, 0, 3, 0], offsets)
    assert skeleton.mirror == (0, 3, 4, 1, 2, 5)
    assert skeleton.contacts == (2, 4)


def test_everything_can_be_overridden(tmp_path: Path) -> None:
    given = """
contacts: [foot_R]
mirror: []
facing: [hip_L, hip_R, foot_L, foot_R]
levels:
  - {low: [foot_R, foot_L, hip_L, hip_R], centre: [hip_L, hip_R, body], high: [mast]}
  - {frame: [high, centre], legs: [low]}
links: [bones, [[centre, low], [high, centre]], []]
chains:
  two: [[[frame, legs]], [[frame], [legs]]]
"""
    skeleton = read(tmp_path, WALKER + PARTS + given)
    assert skeleton.contacts == (4,)
    assert skeleton.mirror == (0, 1, 2, 3, 4, 5)
    assert skeleton.facing == (1, 3, 2, 4)
    assert skeleton.pools == (((1, 2, 3, 4), (0, 1, 3), (5,)), ((1, 2), (0,)))
    assert skeleton.parts == ("frame", "legs")
    assert skeleton.part_of_joint() == (0, 1, 1, 1, 1, 0)
    assert skeleton.links == (((0, 1), (1, 2), (0, 3), (3, 4), (0, 5)), ((0, 1), (1, 2)), ())
    assert skeleton.chain("two") == (((0, 1),), ((0,), (1,)))
    assert skeleton.chain("flat") == (((0,), (1,)),)


def test_links_of_given_levels_join_groups_that_touch(tmp_path: Path) -> None:
    levels = """
levels:
  - {left: [hip_L, foot_L], right: [hip_R, foot_R], centre: [body], mast: [mast]}
  - {frame: [centre, mast], legs: [left, right]}
"""
    skeleton = read(tmp_path, WALKER + PARTS + levels)
    assert skeleton.links[1:] == (((0, 2), (1, 2), (2, 3)), ((0, 1),))


@pytest.mark.parametrize("name", SKELETONS)
def test_writing_and_reading_give_the_same(name: str, tmp_path: Path) -> None:
    skeleton = get_skeleton(name)
    write_skeleton(skeleton, tmp_path / "copy.yaml")
    assert get_skeleton(tmp_path / "copy.yaml") == skeleton


@settings(max_examples=40)
@given(
    st.lists(
        st.text(st.characters(exclude_categories=("C", "Zl", "Zp")), min_size=1, max_size=4),
        min_size=3,
        max_size=3,
        unique=True,
    ),
    st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=9, max_size=9),
)
def test_any_names_and_numbers_survive_a_file(
    tmp_path_factory: pytest.TempPathFactory, names: list[str], numbers: list[float]
) -> None:
    offsets = [tuple(numbers[start : start + 3]) for start in (0, 3, 6)]
    skeleton = derive_skeleton("odd", names, [-1, 0, 1], offsets)
    path = tmp_path_factory.mktemp("odd") / "odd.yml"
    write_skeleton(skeleton, path)
    assert get_skeleton(path) == skeleton


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: [", "walker.yaml is not YAML: "),
        ("", "the file: Input should be a valid dictionary"),
        (WALKER.replace("offset: [0, 0.5, 0]", "offset: [0, 0.5]"), "joints.5.offset.2: Field required"),
        (WALKER.replace("0.5", "high"), "joints.5.offset.1: Input should be a valid number, .*, got 'high'"),
        (WALKER.replace("0.5", ".inf"), "offset of joint mast must be three finite metres"),
        (
            WALKER.replace("parent: body, offset: [0, 0.5", "parent: bdy, offset: [0, 0.5"),
            "no joint 'bdy'; there are body, hip_L",
        ),
        (WALKER + "feet: [foot_L]", "feet: Extra inputs are not permitted"),
        (WALKER + "contacts: [toe]", "no joint 'toe'; there are body, hip_L, foot_L, hip_R, foot_R, mast"),
        (WALKER + "parts: {all: [body]}", "skeleton walker: no part holds joint hip_L"),
        (WALKER + "levels: [{all: [body, hip_L, foot_L, hip_R, foot_R, mast]}]", "levels are given without parts"),
        (WALKER + "chains: {flat: [[[root]]]}", "chains are given without parts"),
        (WALKER + "links: [bones]", "links are needed for the joints and each of 0 levels|links for the joints and"),
        (
            WALKER + PARTS + "levels: [{a: [body]}, {b: [a]}]",
            "groups of the last level, b, are not the parts: legs, frame",
        ),
        (
            WALKER + PARTS + "chains: {x: [[[legs]], [[legs], [frame]]]}",
            "part chain x: step 0 has no group with {frame}",
        ),
        (WALKER + PARTS + "chains: {x: [[[legs, frame]]]}", "group {legs, frame} of the last step must be split"),
        (WALKER + PARTS + "chains: {x: [[[legs, arms]]]}", "no part 'arms'; there are legs, frame"),
    ],
)
def test_bad_files_are_refused_in_one_line(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=message) as error:
        read(tmp_path, text)
    assert "walker.yaml" in str(error.value)
    assert "\n" not in str(error.value)


def test_unknown_names_and_missing_files(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no skeleton 'human'; give one of humanml3d, .* or a .yaml file"):
        get_skeleton("human")
    with pytest.raises(UserError, match=r"cannot read skeleton .*none.yaml: No such file"):
        get_skeleton(tmp_path / "none.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match=r"cannot read skeleton .*binary.yaml"):
        get_skeleton(tmp_path / "binary.yaml")
    with pytest.raises(UserError, match=r"the name must end in .yaml or .yml"):
        write_skeleton(get_skeleton("kit"), tmp_path / "kit.json")


def test_from_dict_refuses_other_dictionaries() -> None:
    value = get_skeleton("kit").to_dict()
    del value["links"]
    with pytest.raises(UserError, match="not a skeleton: fields missing or unknown: links, odd"):
        Skeleton.from_dict({**value, "odd": 1})


def test_the_documents_examples_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    page, maps = PAGE.read_text().split("## Joint maps")
    for code in re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL):
        exec(compile(code, str(PAGE), "exec"), {})
    tree, more = re.findall(r"```yaml\n(.*?)```", page, flags=re.DOTALL)
    plain, full = read(tmp_path, tree), read(tmp_path, tree + more)
    assert plain.parts == ("root", "left leg", "right leg", "mast")
    assert full.parts == ("frame", "left leg", "right leg")
    assert full.chain("legs first")[0] == ((0,), (1, 2))
    assert full.mirror == plain.mirror
    assert full.contacts == plain.contacts
    (mapping,) = re.findall(r"```yaml\n(.*?)```", maps, flags=re.DOTALL)
    (tmp_path / "robot.yaml").write_text(mapping)
    assert get_joint_map(str(tmp_path / "robot.yaml")).joints["left_knee"] == "shin_l"
    names = get_joint_map("mixamo").joints
    (tmp_path / "take.bvh").write_text(
        re.sub(r"(ROOT|JOINT) (\S+)", lambda found: f"{found[1]} {names[found[2]]}", bvh_text(HUMAN, 4, 0))
    )
    (code,) = re.findall(r"```python\n(.*?)```", maps, flags=re.DOTALL)
    known: dict[str, Motion] = {}
    exec(compile(code, str(PAGE), "exec"), known)
    assert known["motion"].skeleton == HUMAN
