from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from helpers.toy import CELLS, make_spec
from scalemogen.contracts import Scale
from scalemogen.errors import UserError
from scalemogen.scales import Pyramid, area_matrix, linear_matrix


@given(st.integers(1, 60), st.integers(1, 60))
def test_matrices_are_torchs_own_resampling(source: int, target: int) -> None:
    x = torch.randn(1, 3, source)
    linear = functional.interpolate(x, target, mode="linear")
    torch.testing.assert_close(x @ linear_matrix(source, target).T, linear, atol=1e-5, rtol=1e-5)
    if target <= source:
        area = functional.interpolate(x, target, mode="area")
        torch.testing.assert_close(x @ area_matrix(source, target).T, area, atol=1e-5, rtol=1e-5)


def test_sums_and_residuals_add_up_to_the_latent() -> None:
    pyramid = Pyramid(make_spec())
    z = torch.randn(3, CELLS, 7, 5)
    lengths = torch.full((3,), CELLS * 4)
    result = pyramid.quantise(z, lengths)
    finest = len(result.sums) - 1
    codes = pyramid.codes(result.maps.bits[finest], result.maps.valid[finest])
    torch.testing.assert_close(result.residuals[finest] + result.sums[finest] - codes, z)
    torch.testing.assert_close(pyramid.latent(result.maps, lengths), result.sums[-1])


def test_padded_and_cropped_agree_and_everything_outside_is_zero() -> None:
    pyramid = Pyramid(make_spec())
    lengths = torch.tensor([52, 17, 5])
    z = torch.randn(3, CELLS, 7, 5) * pyramid.latent_mask(lengths, CELLS)[..., None, None]
    together = pyramid.quantise(z, lengths, inputs=True)
    for row, length in enumerate(lengths.tolist()):
        cells = -(-length // 4)
        alone = pyramid.quantise(z[row : row + 1, :cells], lengths[row : row + 1], inputs=True)
        for k, bits in enumerate(alone.maps.bits):
            size = bits.shape[1]
            assert torch.equal(together.maps.bits[k][row : row + 1, :size], bits)
            assert not together.maps.bits[k][row, size:].any()
            assert together.maps.valid[k][row].sum() == alone.maps.valid[k].sum() == size
            torch.testing.assert_close(together.sums[k][row : row + 1, :cells], alone.sums[k])
            assert not together.sums[k][row, cells:].any()


def test_inputs_are_the_resampled_running_sums() -> None:
    pyramid = Pyramid(make_spec())
    lengths = torch.tensor([52, 31])
    result = pyramid.quantise(torch.randn(2, CELLS, 7, 5), lengths, inputs=True)
    assert result.inputs is not None
    total = torch.zeros_like(result.sums[0])
    inside = pyramid.latent_mask(lengths, CELLS)
    feeds = []
    for k in range(pyramid.scales):
        if k:
            feeds.append(pyramid.next_input(total, k, inside))
        codes = pyramid.codes(result.maps.bits[k], result.maps.valid[k])
        total = pyramid.accumulate(total, codes, k, inside)
    torch.testing.assert_close(result.inputs, pyramid.flatten(feeds))


def test_no_valid_token_is_blind() -> None:
    """The last coarse cell of a short motion, whose centre lies past the end, sees the motion's last sum."""
    pyramid = Pyramid(make_spec())
    for length in range(1, 53):
        lengths = torch.tensor([length])
        cells = int(pyramid.cells(lengths))
        inside = pyramid.latent_mask(lengths, CELLS)
        total = torch.ones(1, CELLS, 7, 5) * inside[..., None, None]
        cropped = pyramid.latent_mask(lengths, cells)
        for k, valid in enumerate(pyramid.valid(lengths)):
            feed = pyramid.next_input(total, k, inside)
            torch.testing.assert_close(feed[valid], torch.ones_like(feed[valid]))
            size = pyramid.size(k, cells)[0]
            torch.testing.assert_close(pyramid.next_input(total[:, :cells], k, cropped), feed[:, :size])


@given(st.data(), st.integers(2, 50))
def test_tokens_inside_a_motion_are_those_whose_windows_reach_into_it(data: st.DataObject, cells: int) -> None:
    divisors = sorted(data.draw(st.lists(st.integers(1, cells), max_size=4)), reverse=True)
    spec = replace(
        make_spec(), cells=cells, scales=tuple(Scale(d, make_spec().scales[-1].groups) for d in [*divisors, 1])
    )
    pyramid = Pyramid(spec)
    own = data.draw(st.integers(1, cells))
    lengths = torch.tensor([4 * own])
    inside = pyramid.latent_mask(lengths, cells)
    for k, valid in enumerate(pyramid.valid(lengths)):
        seen = pyramid.down(inside[..., None, None].expand(1, cells, spec.parts, 1).float(), k)
        assert torch.equal(valid, seen[:, :, 0, 0] > 0)
        assert int(valid.sum()) == pyramid.size(k, own)[0]


def test_single_parts_in_any_order_keep_to_their_own_part() -> None:
    spec = make_spec()
    shuffled = Scale(1, tuple((part,) for part in (3, 1, 0, 2, 6, 5, 4)))
    pyramid = Pyramid(replace(spec, scales=(*spec.scales[:-1], shuffled)))
    k = pyramid.scales - 1
    z = torch.randn(2, CELLS, 7, 5)
    assert torch.equal(pyramid.down(z, k), z[:, :, [3, 1, 0, 2, 6, 5, 4]])
    assert torch.equal(pyramid.up(pyramid.down(z, k), k, CELLS), z)


def test_flatten_is_time_major_and_split_undoes_it() -> None:
    pyramid = Pyramid(make_spec())
    maps = [torch.randn(2, n, g, 3) for n, g in pyramid.sizes()]
    flat = pyramid.flatten(maps)
    n, g = pyramid.size(pyramid.scales - 1)
    torch.testing.assert_close(flat[:, -g:], maps[-1][:, n - 1])
    for piece, original in zip(pyramid.split(flat), maps, strict=True):
        assert torch.equal(piece, original)


def test_a_flip_changes_the_context_and_the_next_label_but_not_its_own() -> None:
    pyramid = Pyramid(make_spec())
    lengths = torch.tensor([52])
    z = torch.randn(1, CELLS, 7, 5)
    plain = pyramid.quantise(z, lengths, inputs=True)
    flips = [torch.zeros_like(bits) for bits in plain.maps.bits]
    flips[1][:] = True
    flipped = pyramid.quantise(z, lengths, flips=flips, inputs=True)
    assert torch.equal(flipped.maps.bits[0], plain.maps.bits[0])
    assert torch.equal(flipped.maps.bits[1], plain.maps.bits[1])
    assert not torch.equal(flipped.maps.bits[2], plain.maps.bits[2])
    change = pyramid.up(pyramid.codes(plain.maps.bits[1], plain.maps.valid[1]), 1, CELLS)
    torch.testing.assert_close(plain.sums[1] - flipped.sums[1], 2 * change)


def test_dropped_scales_leave_the_sum_alone() -> None:
    pyramid = Pyramid(make_spec())
    z = torch.randn(2, CELLS, 7, 5)
    keep = [False] * (pyramid.scales - 1) + [True]
    result = pyramid.quantise(z, torch.tensor([52, 52]), keep=keep)
    assert not result.sums[-2].any()
    torch.testing.assert_close(result.residuals[-1], z)


def test_lengths_outside_the_grid_are_refused() -> None:
    pyramid = Pyramid(make_spec())
    with pytest.raises(UserError, match="motion of 53 frames; this model takes 1 to 52"):
        pyramid.cells(torch.tensor([5, 53]))
    with pytest.raises(UserError, match="motion of 0 frames"):
        pyramid.cells(torch.tensor([0]))


@pytest.mark.parametrize("bits", [3, 65])
def test_bit_counts_outside_4_to_64_are_refused(bits: int) -> None:
    with pytest.raises(UserError, match="allowed are 4 to 64"):
        Pyramid(make_spec(bits=bits))


@pytest.mark.parametrize("bits", [4, 64])
def test_extreme_bit_counts_work(bits: int) -> None:
    pyramid = Pyramid(make_spec(bits=bits))
    result = pyramid.quantise(torch.randn(1, CELLS, 7, bits), torch.tensor([52]))
    assert result.maps.bits[-1].shape == (1, CELLS, 7, bits)
