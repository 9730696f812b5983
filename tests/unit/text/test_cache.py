"""Features on disk: equal to the encoder's, computed once, never half-written."""

from __future__ import annotations

import os
import resource
import signal
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor

from helpers.text import CAPTIONS, assert_same_features, small_encoder, write_t5
from scalemogen.errors import UserError
from scalemogen.text import T5TextEncoder, TextEncoder, TextFeatureCache
from scalemogen.text import cache as module

MANY = [f"caption number {'x' * (n % 7)} {n}" for n in range(23)]


class LetterEncoder(TextEncoder):
    """A frozen encoder of E = 5 that counts its passes, and may end the process in one of them."""

    kind: ClassVar[str] = "letters"
    frozen: ClassVar[bool] = True
    device = torch.device("cpu")
    digest = "0123"

    def __init__(self, killed_in_pass: int = -1, scale: float = 1.0) -> None:
        super().__init__(width=5, max_tokens=41)
        self.passes = 0
        self.killed_in_pass = killed_in_pass
        self.scale = scale

    def config(self) -> dict[str, Any]:
        return {"kind": self.kind}

    def prepare(self, captions: Iterable[str]) -> None:
        pass

    def token_ids(self, caption: str) -> tuple[int, ...]:
        return (*(ord(letter) for letter in caption), 1)

    def encode(self, ids: Tensor, mask: Tensor) -> Tensor:
        self.passes += 1
        if self.passes == self.killed_in_pass:
            os.kill(os.getpid(), signal.SIGKILL)
        return self.scale * ids[..., None] / torch.arange(1.0, 6.0)


def in_child(work: Any) -> int:
    """Run `work` in a forked process; return its wait status."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
        finally:
            os._exit(0)
    return os.waitpid(pid, 0)[1]


@pytest.fixture(autouse=True)
def _small_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SEGMENT", 7)


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_lookups_equal_the_encoder(t5_folder: Path, tmp_path: Path, dtype: Any) -> None:
    encoder = T5TextEncoder(str(t5_folder), max_tokens=61)
    captions = [*CAPTIONS, "", "日本語", CAPTIONS[0]]
    cache = TextFeatureCache(tmp_path, encoder, dtype=dtype)
    assert cache.build(captions, batch_size=3, progress=False) == len(cache) == 7
    for batch in (captions[:2], captions[4:8], captions):
        expected = encoder(batch, truncate=True)
        assert_same_features(cache.lookup(batch), expected, atol=1e-6 if dtype == "float32" else 2e-3)


def test_nothing_is_computed_twice_or_by_lookup(tmp_path: Path) -> None:
    encoder = LetterEncoder()
    cache = TextFeatureCache(tmp_path, encoder)
    cache.build(MANY[:11], progress=False)
    before = encoder.passes
    assert cache.build(MANY[:11], progress=False) == 0
    cache.lookup(MANY[:11])
    assert TextFeatureCache(tmp_path, encoder).missing(MANY[:11]) == []
    assert encoder.passes == before
    assert cache.build(MANY, progress=False) == 12
    assert_same_features(cache.lookup(MANY), encoder(MANY))


def test_a_fully_cached_run_does_not_load_the_network(t5_folder: Path, tmp_path: Path) -> None:
    TextFeatureCache(tmp_path, T5TextEncoder(str(t5_folder))).build(CAPTIONS, progress=False)
    encoder = T5TextEncoder(str(t5_folder))
    cache = TextFeatureCache(tmp_path, encoder)
    assert cache.build(CAPTIONS, progress=False) == 0
    cache.lookup(CAPTIONS)
    assert encoder._shared.network is None
    assert encoder._shared.tokenizer is None


def test_encoders_and_precisions_do_not_mix(t5_folder: Path, tmp_path: Path) -> None:
    encoder = T5TextEncoder(str(t5_folder))
    TextFeatureCache(tmp_path, encoder).build(CAPTIONS, progress=False)
    other = T5TextEncoder(str(write_t5(tmp_path / "model", seed=1)))
    assert TextFeatureCache(tmp_path, other).missing(CAPTIONS) == CAPTIONS
    assert TextFeatureCache(tmp_path, encoder, dtype="float16").missing(CAPTIONS) == CAPTIONS


def test_a_reader_finds_what_is_built_after_it_opened(tmp_path: Path) -> None:
    reader, builder = (TextFeatureCache(tmp_path, LetterEncoder()) for _ in range(2))
    with pytest.raises(UserError, match=r"caption 'caption number  0' is not in the text cache .*; build it first"):
        reader.lookup(MANY[:1])
    builder.build(MANY, progress=False)
    assert_same_features(reader.lookup(MANY), builder.lookup(MANY))


def test_a_killed_build_leaves_a_valid_cache(tmp_path: Path) -> None:
    TextFeatureCache(tmp_path, LetterEncoder()).build(MANY[:3], progress=False)
    killed = LetterEncoder(killed_in_pass=9)  # 20 captions: segments of 7, 7, 6 in passes of 2
    status = in_child(lambda: TextFeatureCache(tmp_path, killed).build(MANY, batch_size=2, progress=False))
    assert os.WIFSIGNALED(status)
    cache = TextFeatureCache(tmp_path, LetterEncoder())
    assert len(cache) == 3 + 7 + 7  # the third segment of the killed build was in work
    assert list(cache.folder.glob(".*"))
    assert cache.build(MANY, progress=False) == 6
    assert not list(cache.folder.glob(".*"))
    assert_same_features(cache.lookup(MANY), LetterEncoder()(MANY))


def test_builds_that_meet_take_turns(tmp_path: Path) -> None:
    children = []
    for _ in range(3):
        pid = os.fork()
        if pid == 0:
            try:
                TextFeatureCache(tmp_path, LetterEncoder()).build(MANY, progress=False)
            finally:
                os._exit(0)
        children.append(pid)
    assert [os.waitpid(pid, 0)[1] for pid in children] == [0, 0, 0]
    cache = TextFeatureCache(tmp_path, LetterEncoder())
    assert len(list(cache.folder.glob("segment-*"))) == 4
    assert_same_features(cache.lookup(MANY), LetterEncoder()(MANY))


@pytest.fixture
def _files_of_200_bytes() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.usefixtures("_files_of_200_bytes")
def test_a_full_disk_is_one_clear_line(tmp_path: Path) -> None:
    cache = TextFeatureCache(tmp_path, LetterEncoder())
    with pytest.raises(UserError, match=r"cannot write .*segment-00000: File too large"):
        cache.build(MANY, progress=False)
    assert len(cache) == 0
    assert not list(cache.folder.glob("*segment*"))


def test_long_captions_are_stored_truncated(tmp_path: Path) -> None:
    cache = TextFeatureCache(tmp_path, LetterEncoder())
    cache.build(["x" * 100], progress=False)
    assert cache.lookup(["x" * 100]).mask.shape == (1, 41)


def test_values_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    cache = TextFeatureCache(tmp_path, LetterEncoder(scale=1e4), dtype="float16")
    with pytest.raises(UserError, match="values that float16 cannot hold"):
        cache.build(["abc"], progress=False)
    with pytest.raises(UserError, match="values that float32 cannot hold"):
        TextFeatureCache(tmp_path, LetterEncoder(scale=float("nan"))).build(["abc"], progress=False)


def test_a_damaged_segment_is_named(tmp_path: Path) -> None:
    cache = TextFeatureCache(tmp_path, LetterEncoder())
    cache.build(MANY[:3], progress=False)
    tokens = cache.folder / "segment-00000" / "tokens.npy"
    tokens.write_bytes(tokens.read_bytes()[:-40])
    with pytest.raises(UserError, match=r"segment-00000 is damaged .*; delete .* and build again"):
        TextFeatureCache(tmp_path, LetterEncoder())


def test_misuse_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="features of the small text encoder change while it is trained"):
        TextFeatureCache(tmp_path, small_encoder())
    with pytest.raises(UserError, match="dtype of the text cache is 'int8'"):
        TextFeatureCache(tmp_path, LetterEncoder(), dtype="int8")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no captions"):
        TextFeatureCache(tmp_path, LetterEncoder()).lookup([])


def test_progress_is_shown(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    TextFeatureCache(tmp_path, LetterEncoder()).build(MANY, progress=True)
    assert "23/23" in capfd.readouterr().err
