"""The shipped skeletons against facts of their data sets, by hand."""

from __future__ import annotations

import itertools
import json
import math

import pytest

from scalemogen.errors import UserError
from scalemogen.skeletons import SKELETONS, Skeleton, derive_skeleton, get_skeleton

PARTS = ("root", "left leg", "right leg", "spine", "left arm", "right arm", "head")
INNER_TO_OUTER = (
    ((0, 1, 2, 3, 4, 5, 6),),
    ((0, 3), (1, 2, 4, 5, 6)),
    ((0, 3), (1, 2), (4, 5, 6)),
    ((0,), (3,), (1, 2), (4, 5), (6,)),
    ((0,), (1,), (2,), (3,), (4,), (5,), (6,)),
)


@pytest.fixture(params=SKELETONS)
def skeleton(request: pytest.FixtureRequest) -> Skeleton:
    return get_skeleton(request.param)


@pytest.mark.parametrize(("name", "joints"), [("humanml3d", 22), ("kit", 21), ("snapmogen", 24), ("bandai_namco", 21)])
def test_levels_parts_and_chain_are_the_papers(name: str, joints: int) -> None:
    skeleton = get_skeleton(name)
    assert skeleton.name == name
    assert skeleton.levels == (joints, 12, 7)
    assert skeleton.parts == PARTS
    assert skeleton.chain("inner-to-outer") == INNER_TO_OUTER
    assert skeleton.chain("flat") == INNER_TO_OUTER[-1:]
    assert skeleton.chain("whole-body") == (INNER_TO_OUTER[0], INNER_TO_OUTER[-1])
    assert skeleton.chain("lower-upper")[1] == ((0, 1, 2), (3, 4, 5, 6))


@pytest.mark.parametrize(
    ("name", "contacts", "facing"),
    [
        ("humanml3d", (7, 10, 8, 11), (1, 2, 16, 17)),
        ("kit", (19, 20, 14, 15), (16, 11, 8, 5)),
        ("snapmogen", (18, 19, 22, 23), (16, 20, 7, 11)),
        ("bandai_namco", (15, 16, 19, 20), (13, 17, 6, 10)),
    ],
)
def test_contact_and_facing_joints(name: str, contacts: tuple[int, ...], facing: tuple[int, ...]) -> None:
    skeleton = get_skeleton(name)
    assert skeleton.contacts == contacts
    assert skeleton.facing == facing
    assert [skeleton.sides[joint] for joint in facing] == [1, -1, 1, -1]
    assert [skeleton.sides[joint] for joint in contacts] == [1, 1, -1, -1]


def test_humanml3d_tree_is_the_kinematic_tree_of_the_data_set() -> None:
    chains = [[0, 2, 5, 8, 11], [0, 1, 4, 7, 10], [0, 3, 6, 9, 12, 15], [9, 14, 17, 19, 21], [9, 13, 16, 18, 20]]
    parents = {joint: parent for chain in chains for parent, joint in itertools.pairwise(chain)}
    assert get_skeleton("humanml3d").parents == (-1, *(parents[joint] for joint in range(1, 22)))


def test_humanml3d_pools_by_hand() -> None:
    joints, nodes = get_skeleton("humanml3d").pools
    assert joints[:3] == ((0, 1, 2, 3), (0, 1, 4), (4, 7, 10))
    assert joints[6] == (6, 9, 12, 13, 14)
    assert nodes == ((0, 1, 3, 5), (0, 1, 2), (0, 3, 4), (0, 5, 6), (6, 7, 8), (6, 9, 10), (6, 11))


@pytest.mark.parametrize("name", ["humanml3d", "kit", "snapmogen"])
def test_a_motionless_person_stands_upright(name: str) -> None:
    skeleton = get_skeleton(name)
    heights: list[float] = []
    places: list[tuple[float, float, float]] = []
    for parent, offset in zip(skeleton.parents, skeleton.offsets, strict=True):
        above = places[parent] if parent >= 0 else (0.0, 0.0, 0.0)
        x, y, z = (one + other for one, other in zip(above, offset, strict=True))
        places.append((x, y, z))
        heights.append(y)
    assert min(heights) == min(heights[joint] for joint in skeleton.contacts)
    assert skeleton.part_of[heights.index(max(heights))] == PARTS.index("head")
    for joint, (partner, side) in enumerate(zip(skeleton.mirror, skeleton.sides, strict=True)):
        (x, y, z), other = places[joint], places[partner]
        assert math.dist((-x, y, z), other) < 1e-4
        assert x * side > 0 or (side == 0 and abs(x) < 1e-6)
    toe, ankle = skeleton.contacts[1], skeleton.contacts[0]
    assert places[toe][2] > places[ankle][2]


def test_left_and_right_parts_mirror_each_other(skeleton: Skeleton) -> None:
    swapped = [0, 2, 1, 3, 5, 4, 6]
    for joint, partner in enumerate(skeleton.mirror):
        assert skeleton.part_of_joint()[partner] == swapped[skeleton.part_of_joint()[joint]]


def test_derivation_finds_the_same_body(skeleton: Skeleton) -> None:
    derived = derive_skeleton(skeleton.name, skeleton.joints, skeleton.parents, skeleton.offsets)
    assert derived.mirror == skeleton.mirror
    assert derived.contacts == skeleton.contacts
    assert derived.facing[:2] == skeleton.facing[:2]
    assert set(derived.parts) == set(PARTS)
    for one, other in zip(derived.part_of_joint(), skeleton.part_of_joint(), strict=True):
        assert derived.parts[one] == skeleton.parts[other]
    for name, chain in skeleton.part_chains:
        assert [_named(derived, step) for step in derived.chain(name)] == [_named(skeleton, step) for step in chain]


def _named(skeleton: Skeleton, partition: tuple[tuple[int, ...], ...]) -> set[frozenset[str]]:
    return {frozenset(skeleton.parts[part] for part in group) for group in partition}


@pytest.mark.parametrize(
    ("name", "digest"),
    [
        ("humanml3d", "9a976d9e1bd1ce18"),
        ("kit", "c047833e0909948f"),
        ("snapmogen", "c9b1864d1c7e142f"),
        ("bandai_namco", "c50f708198bf1f57"),
    ],
)
def test_digests_are_a_contract_with_trained_models(name: str, digest: str) -> None:
    assert get_skeleton(name).digest == digest


def test_round_trip_through_json(skeleton: Skeleton) -> None:
    again = Skeleton.from_dict(json.loads(json.dumps(skeleton.to_dict())))
    assert again == skeleton
    assert hash(again) == hash(skeleton)


def test_an_unknown_chain_lists_those_there_are(skeleton: Skeleton) -> None:
    with pytest.raises(UserError, match="no part chain 'arms'; it has inner-to-outer, lower-upper, whole-body, flat"):
        skeleton.chain("arms")
