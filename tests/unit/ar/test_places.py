"""What tokens are told of their place."""

from __future__ import annotations

import math

import torch

from helpers.toy_ar import LENGTHS, toy_quantised, toy_spec, toy_text, toy_transformer
from scalemogen.ar.layout import build_layout
from scalemogen.ar.places import HARMONICS, BodyAndTime

CELLS = torch.tensor([6, 13, 2])


@torch.no_grad()
def test_the_sum_written_out() -> None:
    spec = toy_spec()
    places = BodyAndTime(spec, 24)
    layout = build_layout(spec, [cells for cells, _ in spec.sizes], 8, torch.device("cpu"))
    found = places(layout, slice(None), CELLS)
    assert found.shape == (3, spec.tokens, 24)
    for row, cells in enumerate(CELLS.tolist()):
        token = 0
        for scale, (times, _) in zip(spec.scales, spec.sizes, strict=True):
            for time in range(times):
                begin, end = time * spec.cells // times, -(-(time + 1) * spec.cells // times)
                middle = (min(begin, cells) + min(end, cells)) / 2
                waves = [
                    math.cos(math.pi * harmonic * x)
                    for x in (middle / cells, middle / spec.cells, cells / spec.cells)
                    for harmonic in range(1, HARMONICS + 1)
                ]
                for group in scale.groups:
                    body = torch.stack([places.parts[part] for part in group]).mean(0)
                    expected = body + places.time.weight @ torch.tensor(waves) + places.time.bias
                    torch.testing.assert_close(found[row, token], expected, atol=1e-5, rtol=1e-4)
                    token += 1


@torch.no_grad()
def test_a_model_hears_of_the_length_from_the_first_token_on() -> None:
    """The first scale is one token: without places, it cannot know how long its motion is."""
    for places in (True, False):
        model = toy_transformer(places=places)
        quantised = toy_quantised(model.spec)
        shorter = [mask.clone() for mask in quantised.maps.valid]
        shorter[-1][:, 1:] = False
        text = toy_text()
        first = [model.step(model.begin(text, valid), None) for valid in (quantised.maps.valid, shorter)]
        assert len(LENGTHS) == len(first[0])
        assert torch.equal(first[0], first[1]) != places


@torch.no_grad()
def test_parts_are_told_apart_where_their_sums_are_equal() -> None:
    """With equal sums of codes for all parts, swapping two learned vectors swaps the logits of these parts."""
    spec = toy_spec()
    places = BodyAndTime(spec, 24)
    layout = build_layout(spec, [cells for cells, _ in spec.sizes], 8, torch.device("cpu"))
    last = layout.tokens(len(spec.scales) - 1)
    before = places(layout, last, CELLS).unflatten(1, (spec.cells, spec.parts))
    places.parts[[3, 4]] = places.parts[[4, 3]]
    after = places(layout, last, CELLS).unflatten(1, (spec.cells, spec.parts))
    torch.testing.assert_close(before[:, :, [0, 1, 2, 4, 3]], after)
    assert not torch.equal(before[:, :, 3], before[:, :, 4])
