"""Latents that are kept: the same as computed ones, for every clip that may be kept and for no other."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from helpers.toy import make_features, make_tokenizer
from scalemogen.contracts import MotionBatch
from scalemogen.errors import UserError
from scalemogen.tasks.latents import LatentCache
from scalemogen.tokenizer import MotionTokenizer

LENGTHS = [52, 29, 3]


def make_batch(lengths: list[int] = LENGTHS, names: str = "abc") -> MotionBatch:
    features, tensor = make_features(lengths, frames=max(lengths))
    return MotionBatch(features, tensor, [""] * len(lengths), list(names))


def made(folder: Path, tokenizer: MotionTokenizer, data: str = "data") -> LatentCache:
    cache = LatentCache(folder, tokenizer, data)
    cache.build([make_batch()], progress=False)
    cache.open()
    return cache


@torch.no_grad()
def test_kept_latents_are_the_computed_ones_in_any_order(tmp_path: Path) -> None:
    tokenizer, batch = make_tokenizer(), make_batch()
    cache = made(tmp_path, tokenizer)
    expected = tokenizer.encode(batch.features, batch.lengths)
    assert torch.equal(cache.encode(batch), expected)
    rows = torch.tensor([2, 1])
    some = MotionBatch(batch.features[rows], batch.lengths[rows], ["", ""], ["c", "b"])
    assert torch.equal(cache.encode(some), expected[rows][:, :8])  # cropped to the longest of the two


class Counting:
    """Counts the motions that a tokenizer encodes."""

    def __init__(self, tokenizer: MotionTokenizer, monkeypatch: pytest.MonkeyPatch) -> None:
        self.motions = 0
        plain = tokenizer.encode

        def counted(features: Tensor, lengths: Tensor) -> Tensor:
            self.motions += len(features)
            return plain(features, lengths)

        monkeypatch.setattr(tokenizer, "encode", counted)


@torch.no_grad()
def test_only_what_is_not_kept_is_computed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tokenizer = make_tokenizer()
    cache = made(tmp_path, tokenizer)
    counting = Counting(tokenizer, monkeypatch)
    mixed = make_batch([52, 29, 3], "axc")  # x is no kept clip
    expected = tokenizer.encode(mixed.features, mixed.lengths)
    counting.motions = 0
    torch.testing.assert_close(cache.encode(mixed), expected)
    assert counting.motions == 1
    whole = make_batch()
    cut = MotionBatch(whole.features[:, :41], torch.tensor([41, 29, 3]), whole.captions, whole.clip_ids)
    expected = tokenizer.encode(cut.features, cut.lengths)
    counting.motions = 0
    torch.testing.assert_close(cache.encode(cut), expected)
    assert counting.motions == 1
    cache.encode(replace(make_batch(), altered=True))
    assert counting.motions == 4


def test_a_cache_is_made_once_for_each_tokenizer_and_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tokenizer = make_tokenizer()
    counting = Counting(tokenizer, monkeypatch)
    paths = {made(tmp_path, tokenizer).path for _ in range(2)}
    assert len(paths) == 1
    assert counting.motions == len(LENGTHS)
    paths.add(made(tmp_path, tokenizer, "other data").path)
    with torch.no_grad():
        tokenizer.project_in.bias.add_(1.0)
    paths.add(made(tmp_path, tokenizer).path)
    assert len(paths) == 3


@pytest.mark.parametrize("name", ["latents.npy", "clips.json"])
def test_a_damaged_cache_is_named(name: str, tmp_path: Path) -> None:
    cache = made(tmp_path, make_tokenizer())
    file = cache.path / name
    file.write_bytes(file.read_bytes()[:-40])
    with pytest.raises(UserError, match="is damaged"):
        cache.open()
