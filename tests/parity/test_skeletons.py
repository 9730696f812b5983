"""Graphs, pooling groups and contact joints are those of the reference implementation."""

from __future__ import annotations

import pytest

from helpers.reference import load, names
from scalemogen.skeletons import get_skeleton


@pytest.mark.parametrize("name", names("vq"))
def test_graphs_pools_and_contacts(name: str | None) -> None:
    fixture = load(name)
    skeleton = get_skeleton(fixture.spec.skeleton)
    assert list(skeleton.contacts) == fixture.config["contact_joints"]
    matrices = {key: value for key, value in fixture.state.items() if key.endswith("adj_matrix")}
    assert {len(matrix) for matrix in matrices.values()} == set(skeleton.levels[:2])
    for key, matrix in matrices.items():
        assert skeleton.adjacency(skeleton.levels.index(len(matrix))) == matrix.tolist(), key
    weights = {key: value for key, value in fixture.state.items() if key.endswith("skeleton_pool_vec")}
    assert sorted(map(len, weights.values()), reverse=True) == [sum(map(len, groups)) for groups in skeleton.pools]


@pytest.mark.parametrize("name", names("vq"))
def test_the_chain_is_one_of_the_skeletons(name: str | None) -> None:
    fixture = load(name)
    skeleton = get_skeleton(fixture.spec.skeleton)
    chain = tuple(dict.fromkeys(scale.groups for scale in fixture.spec.scales))
    assert chain in dict(skeleton.part_chains).values()
