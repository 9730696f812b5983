"""A million clips, and one store in several processes; the figures themselves are for `scalemogen bench`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scalemogen.benchmarks import stores
from scalemogen.benchmarks.stores import bytes_read, generate_store, memory_of_data, opened
from scalemogen.cli.main import main
from scalemogen.data_modules import Loading, MotionStore, Stored, check_store


def test_a_generated_store_is_a_store_like_any_other(tmp_path: Path) -> None:
    generate_store(tmp_path / "s", 1200, noise=True)
    store = MotionStore.open(tmp_path / "s")
    assert len(store) == 1200
    assert store.ids[7] == "0007"
    assert {len(store.clip(clip)) for clip in range(1200)} == set(range(40, 201))
    assert store.captions(1199) == [stores.CAPTION]
    # Only the digest of its split is not what it was, since the first clip alone was written by the writer.
    assert [fault.reason for fault in check_store(store).faults] == ["changed content"]


def test_a_million_clips_open_in_under_a_second_and_are_shuffled_without_being_read(tmp_path: Path) -> None:
    generate_store(tmp_path / "s", 1_000_000, noise=False)
    assert opened(tmp_path / "s", repeats=1) < 1.0
    before = bytes_read()
    batch = next(iter(Stored(str(tmp_path / "s"), loading=Loading()).train_dataloader()))
    assert len(batch) == 32
    assert bytes_read() - before < 100e6 < (tmp_path / "s" / "features.npy").stat().st_size / 1000


@pytest.mark.slow
def test_no_process_has_a_copy_of_the_store(tmp_path: Path) -> None:
    generate_store(tmp_path / "s", stores.DENSE_CLIPS, noise=True)
    assert memory_of_data(tmp_path / "s", 4) < (tmp_path / "s" / "features.npy").stat().st_size / 2


@pytest.mark.slow
def test_the_command_prints_its_figures(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "data", "--clips", "1000", "--repeats", "1", "--json", "-"]) == 0
    figures = json.loads(capsys.readouterr().out)["figures"]
    assert len(figures) == 12
    assert all(figure["value"] >= 0 for figure in figures)
    (step,) = (figure["value"] for figure in figures if figure["unit"] == "TFLOP")
    assert step == pytest.approx(10.5, rel=0.1)


def test_bad_counts_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "data", "--clips", "5"]) == 2
    assert "at least 1,000" in capsys.readouterr().err
