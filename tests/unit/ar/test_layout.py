"""Where tokens stand, and rotary positions."""

from __future__ import annotations

import math

import torch

from helpers.toy_ar import toy_spec
from scalemogen.ar.blocks import drop_path, hidden_width
from scalemogen.ar.fused import turn
from scalemogen.ar.layout import build_layout, rotary_table
from scalemogen.scales import Pyramid

CPU = torch.device("cpu")


def test_order_and_causality() -> None:
    spec = toy_spec()
    layout = build_layout(spec, [1, 1, 2, 5], 8, CPU)
    assert layout.sizes == ((1, 1), (1, 2), (2, 3), (5, 5))
    assert layout.bounds == (0, 1, 3, 9, 34)
    assert layout.scale.tolist() == [0] + [1] * 2 + [2] * 6 + [3] * 25
    seen = layout.causal()
    for row in range(34):
        end = layout.bounds[int(layout.scale[row]) + 1]
        assert seen[row].tolist() == [True] * end + [False] * (34 - end)


def test_positions_on_the_finest_grid_round_halves_to_even() -> None:
    """Scale 2 has 4 of 13 cells: 0, 3.25, 6.5, 9.75 -> 0, 3, 6, 10; and 3 of 5 groups: 0, 1.67, 3.33 -> 0, 2, 3."""
    spec = toy_spec()
    layout = build_layout(spec, [1, 2, 4, 13], 8, CPU)
    angle = layout.rotary[layout.tokens(2)].angle()
    times, groups = [0, 3, 6, 10], [0, 2, 3]
    expected = [
        [time * 1.0, time * 0.01, group * 1.0, group * 0.01] for time in times for group in groups
    ]  # head_dim 8: two pairs an axis, frequencies 10000 ** (-2 i / 4)
    wrapped = torch.polar(torch.ones(12, 4), torch.tensor(expected)).angle()
    assert torch.allclose(angle, wrapped, atol=1e-5)


def test_cropping_keeps_the_positions() -> None:
    spec = toy_spec()
    whole, part = (build_layout(spec, [n for n, _ in Pyramid(spec).sizes(cells)], 8, CPU) for cells in (None, 5))
    for k in range(4):
        n, groups = part.sizes[k]
        assert torch.equal(part.rotary[part.tokens(k)], whole.rotary[whole.tokens(k)][: n * groups])


def test_rotation_of_neighbouring_pairs() -> None:
    """Position 2 in time turns pair 0 by 2 rad and pair 1 by 0.02 rad; group 3 turns pairs 2 and 3."""
    rotary = rotary_table(torch.tensor([[2.0, 3.0]]), 8)
    turned = turn(torch.tensor([1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 1.0])[None, None, None], rotary)[0, :, 0]
    by_hand = [
        *(math.cos(2.0), math.sin(2.0), math.cos(0.02), math.sin(0.02)),
        *(math.cos(3.0), math.sin(3.0), -math.sin(0.03), math.cos(0.03)),
    ]
    assert torch.allclose(turned, torch.tensor([by_hand]), atol=1e-6)


def test_hidden_width_is_a_multiple_of_256() -> None:
    assert [hidden_width(width, 4.0) for width in (24, 64, 192, 224, 768)] == [256, 256, 768, 1024, 3072]


def test_drop_path_drops_whole_samples_in_training_only() -> None:
    x = torch.ones(997, 2, 3)
    assert drop_path(x, 0.25, training=False) is x
    dropped = drop_path(x, 0.25, training=True)
    per_sample = dropped[:, 0, 0]
    assert torch.equal(dropped, per_sample[:, None, None].expand_as(dropped))
    assert set(per_sample.unique().tolist()) == {0.0, torch.tensor(1 / 0.75).item()}
    assert abs(float((per_sample == 0).float().mean()) - 0.25) < 0.05
