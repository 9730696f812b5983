"""The picture of the bits in the viewer page: every bit in its cell, cells where their time is."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from scalemogen.contracts import Scale, TokenMaps, TokenSpec
from scalemogen.export import TokenPyramid, gallery, split_tokens
from scalemogen.motion import Motion

SPEC = TokenSpec(
    bits=5,
    scales=(Scale(7, ((0, 1, 2),)), Scale(3, ((0,), (1, 2))), Scale(1, ((0,), (1,), (2,)))),
    cells=7,
    parts=3,
    frames_per_cell=4,
    skeleton="any",
    skeleton_digest="",
    layout="any",
)


def drawn(batch: int) -> TokenMaps:
    draw = torch.Generator().manual_seed(0)
    valid = tuple(torch.arange(cells).expand(batch, cells) < max(cells - 1, 1) for cells, _ in SPEC.sizes)
    bits = tuple(torch.rand(batch, *size, SPEC.bits, generator=draw) < 0.5 for size in SPEC.sizes)
    return TokenMaps(bits, valid)


def test_every_bit_stands_in_its_cell(motion: Motion, tmp_path: Path) -> None:
    maps = drawn(2)
    tokens = split_tokens(SPEC, [maps, drawn(3)], 20.0)
    assert len(tokens) == 5
    gallery([motion, motion.resample(60.0)], ["", ""], tmp_path / "a.html", tokens=tokens[:2])
    page = (tmp_path / "a.html").read_text()
    found = re.search(r'<script type="application/json" id="motions">(.*?)</script>', page, re.DOTALL)
    assert found
    scales = json.loads(found[1])[1]["scales"]
    assert [(scale["cells"], scale["groups"]) for scale in scales] == [(1, 1), (1, 2), (6, 3)]
    assert [scale["seconds"] for scale in scales] == pytest.approx([28 / 20, 14 / 20, 4 / 20])
    for scale, bits in zip(scales, maps.bits, strict=True):
        values = np.frombuffer(base64.b64decode(scale["data"]), np.uint8)
        expected = bits[1, : scale["cells"]].numpy().astype(np.uint8)
        np.testing.assert_array_equal(values.reshape(expected.shape), expected)


def test_as_many_pyramids_as_motions(motion: Motion, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="a page of 1 motions"):
        gallery([motion], [""], tmp_path / "a.html", tokens=[TokenPyramid(SPEC, drawn(1), 20.0)] * 2)
