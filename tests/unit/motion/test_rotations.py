"""Rotation helpers: hand-checked values and the corners of the domain."""

from __future__ import annotations

import math

import pytest
import roma
import torch
from hypothesis import given

from helpers.trees import seeds, smooth_rotations
from scalemogen.motion.rotations import about_y, between, fit_rotation, from_six, rotate, to_six, turn_about_y


def test_a_quarter_turn_about_y_takes_front_to_left() -> None:
    quarter = about_y(torch.tensor(math.pi / 2))
    front, left = torch.tensor([0.0, 0.0, 1.0]), torch.tensor([1.0, 0.0, 0.0])
    torch.testing.assert_close(rotate(quarter, front), left)
    torch.testing.assert_close(turn_about_y(front, torch.tensor(math.pi / 2)), left)


@given(seed=seeds)
def test_turning_about_y_is_rotating_by_its_quaternion(seed: int) -> None:
    draw = torch.Generator().manual_seed(seed)
    angles = 9 * torch.randn(3, 1, generator=draw, dtype=torch.float64)
    vectors = torch.randn(3, 5, 3, generator=draw, dtype=torch.float64)
    torch.testing.assert_close(turn_about_y(vectors, angles), rotate(about_y(angles), vectors))


def test_six_numbers_are_two_columns() -> None:
    quarter = about_y(torch.tensor(math.pi / 2))
    torch.testing.assert_close(to_six(quarter), torch.tensor([0.0, 0.0, -1.0, 0.0, 1.0, 0.0]))


@given(seed=seeds)
def test_six_numbers_give_the_rotation_back_whatever_their_scale(seed: int) -> None:
    rotations = smooth_rotations((3, 5), 2, seed, size=3.0)
    back = from_six(2.5 * to_six(rotations))
    assert roma.unitquat_geodesic_distance(back, rotations).max() < 1e-6


def test_six_zeros_stay_finite() -> None:
    assert from_six(torch.zeros(2, 6)).isfinite().all()


@pytest.mark.parametrize("target", [(0.0, 0.0, 2.0), (0.0, 0.0, -3.0), (1.0, 1e-9, 0.0), (-1e-8, 1e-8, -1.0)])
def test_between_joins_directions_equal_opposite_and_across(target: tuple[float, float, float]) -> None:
    source, goal = torch.tensor([0.0, 0.0, 1.0]).double(), torch.tensor(target).double()
    reached = rotate(between(source, goal), source)
    torch.testing.assert_close(reached, goal / goal.norm(), atol=1e-6, rtol=0)


def test_fitting_vectors_on_one_line_leaves_out_the_twist() -> None:
    line = torch.tensor([[0.0, 0.0, 1.0], [0.0, 0.0, -2.0]])
    goal = torch.tensor([[1.0, 0.0, 0.0], [-2.0, 0.0, 0.0]])
    assert abs(roma.unitquat_to_rotvec(fit_rotation(line, goal)).norm() - math.pi / 2) < 1e-5
