"""Curves, turns and the leg and arm solver against what can be worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
import roma
import torch

from scalemogen.synthetic.body import ANKLES, ELBOWS, SHOULDERS, WRISTS, Body, Pose, joint_positions, solve
from scalemogen.synthetic.curves import pchip, quintic, smooth, soft_min
from scalemogen.synthetic.dice import Dice
from scalemogen.synthetic.turns import about_x, about_y, about_z, cross, quaternions, upright


def test_pchip_meets_knots_without_overshoot() -> None:
    knots = np.array([0.0, 0.7, 1.1, 2.0, 2.3])
    values = np.array([[0.0, 1.0], [2.0, 1.0], [2.0, 4.0], [-1.0, 5.0], [0.0, 7.0]])
    curve = pchip(np.linspace(-0.5, 3.0, 701), knots, values)
    np.testing.assert_allclose(pchip(knots, knots, values), values, atol=1e-12)
    np.testing.assert_allclose(curve.max(axis=0), values.max(axis=0), atol=1e-3)
    np.testing.assert_allclose(curve.min(axis=0), values.min(axis=0), atol=1e-3)
    assert np.all(np.diff(curve[:, 1]) >= -1e-12)
    np.testing.assert_allclose(curve[0], values[0])
    np.testing.assert_allclose(curve[-1], values[-1])


def test_pchip_has_no_kinks() -> None:
    knots, values = np.array([0.0, 0.3, 1.0, 1.7]), np.array([0.0, 3.0, 4.0, -2.0])
    times = np.linspace(-0.2, 1.9, 2101)
    speed = np.diff(pchip(times, knots, values)) / 1e-3
    assert np.abs(np.diff(speed)).max() < 0.3


def test_pchip_of_one_knot_is_constant() -> None:
    np.testing.assert_array_equal(pchip(np.arange(3.0), np.array([1.0]), np.array([7.0])), np.full(3, 7.0))


def test_quintic_meets_ends_and_slopes() -> None:
    start, end, go, come = (np.array([v, -v]) for v in (1.0, 3.0, 0.5, -2.0))
    s = np.array([[0.0], [1e-4], [1.0 - 1e-4], [1.0]])
    path = quintic(s, start, end, go, come)
    np.testing.assert_allclose(path[0], start)
    np.testing.assert_allclose(path[3], end)
    np.testing.assert_allclose((path[1] - path[0]) / 1e-4, go, atol=1e-3)
    np.testing.assert_allclose((path[3] - path[2]) / 1e-4, come, atol=1e-3)


def test_smooth_keeps_constants_and_soft_min_stays_below() -> None:
    np.testing.assert_allclose(smooth(np.full((7, 3), 2.5), 1.7), 2.5)
    a, b = np.array([0.0, 1.0, 5.0]), np.array([0.0, 3.0, -5.0])
    low = soft_min(a, b, 0.2)
    assert np.all(low <= np.minimum(a, b))
    assert np.all(low >= np.minimum(a, b) - 0.1 - 1e-12)


def test_turns_follow_the_signs_of_the_suite() -> None:
    quarter = np.array(np.pi / 2)
    x, y, z = np.eye(3)
    np.testing.assert_allclose(about_x(quarter) @ y, z, atol=1e-12)
    np.testing.assert_allclose(about_y(quarter) @ z, x, atol=1e-12)
    np.testing.assert_allclose(about_z(quarter) @ x, y, atol=1e-12)
    np.testing.assert_allclose(cross(x, y), z)


def test_upright_is_turn_after_pitch_after_lean() -> None:
    angles = np.random.default_rng(0).uniform(-2.0, 2.0, (5, 3, 3))
    turn, pitch, lean = np.moveaxis(angles, -1, 0)
    np.testing.assert_allclose(upright(angles), about_y(turn) @ about_x(pitch) @ about_z(-lean), atol=1e-12)


def test_quaternions_agree_with_roma() -> None:
    drawn = torch.randn(11, 3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    expected = torch.nn.functional.normalize(drawn, dim=-1)
    found = torch.from_numpy(quaternions(roma.unitquat_to_rotmat(expected).numpy()))
    assert ((found * expected).sum(-1).abs() > 1 - 1e-9).all()


@pytest.fixture
def body() -> Body:
    return Body.draw(Dice.seeded(3))


def pose(body: Body, arms: np.ndarray, ankles: np.ndarray) -> Pose:
    """One frame of a body at the origin with these arms (2, 4) and ankles (2, 3)."""
    flat = np.zeros((1, 6, 3))
    root = np.array([[0.0, body.standing, 0.0]])
    return Pose(root, flat, flat[:, 3], arms[None], ankles[None], np.zeros((1, 2, 2)), np.zeros((1, 2)))


def standing_ankles(body: Body) -> np.ndarray:
    return np.array([[body.stance, body.ankle_height, 0.0], [-body.stance, body.ankle_height, 0.0]])


@pytest.mark.parametrize("target", [(0.1, 0.5, 0.3), (0.4, 0.3, -0.2), (0.05, 0.6, 0.65), (0.6, 0.7, 0.1)])
def test_legs_reach_and_knees_bend_forward(body: Body, target: tuple[float, float, float]) -> None:
    ankles = standing_ankles(body)
    ankles[0] = target
    where = joint_positions(
        body, np.array([[0.0, body.standing, 0.0]]), solve(body, pose(body, np.zeros((2, 4)), ankles))
    )
    np.testing.assert_allclose(where[0, list(ANKLES)], ankles, atol=2e-3)
    hip, knee, ankle = where[0, 1], where[0, 4], where[0, 7]
    middle = hip + (ankle - hip) * np.dot(knee - hip, ankle - hip) / np.dot(ankle - hip, ankle - hip)
    down = np.array([0.0, -1.0, 0.0])
    along = (ankle - hip) / np.linalg.norm(ankle - hip)
    forward = cross(along, np.array([1.0, 0.0, 0.0]) - along[0] / (1.0 - along[1]) * (along + down))
    assert np.dot(knee - middle, forward) > 0.0


@pytest.mark.parametrize(
    ("angles", "direction"),
    [
        ((0.0, 0.0, 0.0, 0.0), (0.0, -1.0, 0.0)),
        ((90.0, 0.0, 0.0, 0.0), (0.0, 0.0, 1.0)),
        ((0.0, 90.0, 0.0, 0.0), (1.0, 0.0, 0.0)),
        ((180.0, 0.0, 0.0, 0.0), (0.0, 1.0, 0.0)),
    ],
)
def test_arms_point_where_they_are_told(body: Body, angles: tuple[float, ...], direction: tuple[float, ...]) -> None:
    arms = np.radians(np.array([angles, angles]))
    where = joint_positions(body, np.array([[0.0, 1.0, 0.0]]), solve(body, pose(body, arms, standing_ankles(body))))[0]
    for side, sign in enumerate((1.0, -1.0)):
        arm = where[WRISTS[side]] - where[SHOULDERS[side]]
        np.testing.assert_allclose(arm / np.linalg.norm(arm), np.array(direction) * [sign, 1.0, 1.0], atol=1e-6)


def test_elbows_bend_to_the_front(body: Body) -> None:
    arms = np.radians(np.array([[0.0, 0.0, 0.0, 90.0]] * 2))
    where = joint_positions(body, np.array([[0.0, 1.0, 0.0]]), solve(body, pose(body, arms, standing_ankles(body))))[0]
    fore = where[list(WRISTS)] - where[list(ELBOWS)]
    np.testing.assert_allclose(fore / np.linalg.norm(fore, axis=-1, keepdims=True), [[0, 0, 1], [0, 0, 1]], atol=1e-6)
