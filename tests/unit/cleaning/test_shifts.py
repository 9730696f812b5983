"""Shifts hold feet while they stand, go over smoothly, and start from what must not change."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from scalemogen.cleaning.shifts import Stands, lower_envelope

FPS = 10.0


def stands(pattern: str, free: str | None = None) -> Stands:
    mask = torch.tensor([[letter == "x"] for letter in pattern])
    return Stands.of(mask, torch.tensor([[letter == "x"] for letter in free or "x" * len(pattern)]), FPS)


def test_a_standing_foot_is_held() -> None:
    found = stands("xxxxxxxxxxx").shift(torch.full((10, 1, 2), 0.01, dtype=torch.float64), 1.0)
    expected = 0.05 - 0.01 * torch.arange(11.0).double()
    torch.testing.assert_close(found[:, 0, 0], expected)
    torch.testing.assert_close(found[:, 0, 1], expected)


def test_it_comes_to_rest_softly() -> None:
    rest = stands("...xxxxxxxx...").rest()[:, 0]
    assert rest.tolist() == [0, 0, 0, 0.5, 1, 1, 1, 1, 1, 0.5, 0, 0, 0]


def test_a_long_slide_is_slowed_down() -> None:
    found = stands("xxxxxxxxxxx").shift(torch.full((10, 1, 2), 0.1, dtype=torch.float64), 0.2)
    assert float(found.norm(dim=-1).max()) == pytest.approx(0.2)
    torch.testing.assert_close(found.diff(dim=0), found.diff(dim=0)[:1].expand(10, 1, 2))


def test_between_stands_the_shift_goes_over() -> None:
    values = torch.zeros(12, 1, 1)
    values[:3] = 1.0
    values[5:7] = -1.0
    found = stands("xxx..xx.....").spread(values)[:, 0, 0]
    assert found[:3].tolist() == [1, 1, 1]
    assert found[5:7].tolist() == [-1, -1]
    assert found[3] > found[4] > -1.0
    assert float(found[3] + found[4]) == pytest.approx(0.0, abs=1e-6)
    assert (found[7:].diff() >= 0).all()
    assert found[9:].tolist() == [0, 0, 0]


def test_what_must_not_change_holds_the_shift() -> None:
    steps = torch.full((11, 1, 1), 0.01, dtype=torch.float64)
    for free in ("...xxxxxxxxx", "xxxxxxxxx...", "...xxxxxx..."):
        found = stands("xxxxxxxxxxxx", free).shift(steps, 1.0)[:, 0, 0]
        fixed = torch.tensor([letter == "." for letter in free])
        assert (found[fixed] == 0).all()
        assert float(found.diff().abs().max()) < 0.021
        assert float(found.abs().max()) > 0.001
    one_sided = stands("xxxxxxxxxxxx", "...xxxxxxxxx").shift(steps, 1.0)[3:, 0, 0]
    torch.testing.assert_close(one_sided, -0.01 * torch.arange(9.0).double())


def test_levels_are_means_of_stands() -> None:
    heights = torch.tensor([[1.0], [3.0], [9.0], [2.0], [2.0]])
    found = stands("xx.xx").level(heights)
    assert found[:, 0].tolist() == pytest.approx([2.0, 2.0, 0.0, 2.0, 2.0], abs=1e-4)


def test_nothing_fades_where_all_may_change() -> None:
    assert (stands("xx..", "xxxx").fade() == 1).all()
    fade = stands("...........", "...xxxxxxxx").fade()[:, 0]
    assert fade[:3].tolist() == [0, 0, 0]
    assert (fade.diff() >= 0).all()
    assert fade[-1] == 1


@given(st.lists(st.floats(-1.0, 1.0), min_size=1, max_size=23), st.integers(0, 4))
def test_an_envelope_is_nowhere_above(values: list[float], radius: int) -> None:
    given_values = torch.tensor(values)[:, None]
    assert (lower_envelope(given_values, radius) <= given_values + 1e-6).all()
