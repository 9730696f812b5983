"""Planes give what the functions of rows of numbers give."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from helpers.trees import random_tree
from scalemogen.motion import get_layout, planes
from scalemogen.motion.kinematics import global_rotations
from scalemogen.motion.rotations import about_y, between, inverse, multiply, to_six, turn_about_y

LEADS = ((), (3,), (2, 3))


def draw(*shape: int, unit: bool = False) -> Tensor:
    values = torch.randn(*shape, generator=torch.Generator().manual_seed(len(shape)), dtype=torch.float64)
    return torch.nn.functional.normalize(values, dim=-1) if unit else values


@pytest.mark.parametrize("lead", LEADS)
def test_there_and_back(lead: tuple[int, ...]) -> None:
    values = draw(*lead, 5, 7, 3)
    found = planes.to_planes(values)
    assert found.shape == (7, 3, *lead, 5)
    torch.testing.assert_close(planes.from_planes(found[0], found[1:]), values.reshape(*lead, 5, 21))


@pytest.mark.parametrize("lead", LEADS)
def test_the_same_rotations(lead: tuple[int, ...]) -> None:
    vectors, angles = draw(*lead, 5, 7, 3), draw(*lead, 5)
    one, two = draw(*lead, 5, 7, 4, unit=True), draw(*lead, 5, 7, 4, unit=True).flip(-1)
    first, second = planes.to_planes(one), planes.to_planes(two)
    tree = random_tree(7, 0)
    axes = draw(7, 3, unit=True)
    for found, expected in (
        (planes.turn_planes(planes.to_planes(vectors), angles), turn_about_y(vectors, angles[..., None])),
        (planes.turns_planes(angles, first), about_y(angles)[..., None, :]),
        (planes.multiply_planes(first, second), multiply(one, two)),
        (planes.multiply_planes(first[:1], second), multiply(one[..., :1, :], two)),
        (planes.inverse_planes(first), inverse(one)),
        (planes.chain_planes(first, tree.parents), global_rotations(one, tree.parents)),
        (planes.six_planes(first), to_six(one)),
        (planes.swing_planes(axes.tolist(), planes.to_planes(vectors)), between(axes, vectors)),
        (planes.on_ground(planes.to_planes(vectors)), vectors * torch.tensor([1.0, 0.0, 1.0])),
    ):
        torch.testing.assert_close(found, planes.to_planes(expected))
    torch.testing.assert_close(planes.squares(planes.to_planes(vectors))[2], vectors[..., 2, :].square().sum(-1))


@pytest.mark.parametrize("kind", [torch.float32, torch.float64])
def test_bones_against_their_axes_make_half_a_turn(kind: torch.dtype) -> None:
    axes = [[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.6, 0.0, 0.8]]
    bones = -0.3 * torch.tensor(axes, dtype=kind)[..., None]
    swings = planes.swing_planes(axes, bones)[..., 0]
    torch.testing.assert_close(swings[:, 3], torch.zeros(3, dtype=kind))
    turned = to_six(swings)  # the matrix of half a turn about n is 2 n n' - 1: an axis square to n is reversed
    assert turned.isfinite().all()
    torch.testing.assert_close((swings[:, :3] * torch.tensor(axes, dtype=kind)).sum(-1), torch.zeros(3, dtype=kind))
    torch.testing.assert_close(swings.norm(dim=-1), torch.ones(3, dtype=kind))


@pytest.mark.parametrize("name", ["humanml3d", "snapmogen"])
def test_a_skeleton_without_feet_has_features(name: str) -> None:
    tree, layout = random_tree(7, 0, contacts=0), get_layout(name)
    features = layout.encode(draw(5, 7, 3).float(), draw(5, 7, 4, unit=True).float(), tree)
    assert features.shape == (4, layout.width(tree))
    assert features.isfinite().all()
