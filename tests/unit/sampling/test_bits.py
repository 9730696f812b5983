"""Guidance, temperature and the random stream of each sample."""

from __future__ import annotations

import math

import pytest
import torch

from scalemogen.errors import UserError
from scalemogen.sampling import (
    bit_probability,
    draw_uniforms,
    guidance_schedule,
    seeded_generators,
    temperature_schedule,
)


def test_guidance_rises_linearly() -> None:
    assert guidance_schedule(6.0, 4) == [0.0, 2.0, 4.0, 6.0]
    assert guidance_schedule([1, 0, 5, 2.5], 4) == [1.0, 0.0, 5.0, 2.5]
    assert guidance_schedule(3.0, 1) == [3.0]
    assert temperature_schedule(1.3, 3) == [1.3, 1.3, 1.3]


@pytest.mark.parametrize(
    ("guidance", "message"),
    [
        (-1.0, "guidance is -1.0; it must be finite and at least 0"),
        (math.nan, "guidance is nan"),
        ([1.0, 2.0], "guidance has 2 values; give one number or one value for each of 3 scales"),
    ],
)
def test_wrong_guidance(guidance: float | list[float], message: str) -> None:
    with pytest.raises(UserError, match=message):
        guidance_schedule(guidance, 3)


@pytest.mark.parametrize("temperature", [0.0, -2.0, math.inf])
def test_wrong_temperature(temperature: float) -> None:
    with pytest.raises(UserError, match=f"temperature is {temperature}"):
        temperature_schedule(temperature, 3)


def test_probability_by_hand() -> None:
    """Margins 1.0 with text and 0.4 without, guidance 2, temperature 0.5: (3 x 1.0 - 2 x 0.4) / 0.5 = 4.4."""
    text, null = torch.tensor([[0.5, 1.5]]), torch.tensor([[0.2, 0.6]])
    assert bit_probability(text, 0.5, 2.0, null).item() == pytest.approx(1 / (1 + math.exp(-4.4)))
    assert bit_probability(text, 0.5, 0.0, null).item() == pytest.approx(1 / (1 + math.exp(-2.0)))
    combined = torch.softmax(3.0 * text / 0.5 - 2.0 * null / 0.5, -1)[..., 1]
    assert bit_probability(text, 0.5, 2.0, null).item() == pytest.approx(combined.item())
    assert bit_probability(text.bfloat16(), 1.3).dtype == torch.float32


def _valid(lengths: list[int], sizes: list[int]) -> list[torch.Tensor]:
    return [torch.arange(size) < torch.tensor(lengths)[:, None].clamp(max=size) for size in sizes]


def test_numbers_depend_on_seed_and_length_alone() -> None:
    groups, bits = [2, 3], 5
    together = draw_uniforms(_valid([3, 7], [5, 7]), groups, bits, seeded_generators([11, 12]))
    assert [tuple(u.shape) for u in together] == [(2, 5, 2, 5), (2, 7, 3, 5)]
    alone = draw_uniforms(_valid([3], [3, 3]), groups, bits, seeded_generators([11]))
    for k in range(2):
        assert torch.equal(together[k][0, :3], alone[k][0])
        assert (together[k][0, 3:] == 1.0).all(), "1 outside a motion gives bit 0"
    other = draw_uniforms(_valid([3], [3, 3]), groups, bits, seeded_generators([12]))
    assert not torch.equal(alone[0], other[0])


def test_one_stream_runs_through_the_scales_in_order() -> None:
    first, second = draw_uniforms(_valid([2], [2, 2]), [1, 3], 7, seeded_generators([5]))
    stream = torch.rand(14 + 42, generator=torch.Generator().manual_seed(5))
    assert torch.equal(torch.cat([first.flatten(), second.flatten()]), stream)
