"""The store: what was written is read, and damage is named."""

from __future__ import annotations

import errno
import json
import os
import pickle
import shutil
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from helpers.stores import ORIGIN, WIDTH, random_features, write_store
from scalemogen.data_modules import Loading, MotionStore, Origin, Stored, StoreWriter, check_store
from scalemogen.data_modules.columns import ColumnWriter
from scalemogen.errors import UserError
from scalemogen.skeletons import get_skeleton


def writer(path: Path) -> StoreWriter:
    return StoreWriter(
        path, skeleton=get_skeleton("humanml3d"), layout="humanml3d", fps=20, origin=ORIGIN, provenance={"made": "here"}
    )


@pytest.fixture
def store(tmp_path: Path) -> MotionStore:
    return write_store(tmp_path / "store", {"train": (5, 7, 11), "val": (3,), "test": (13, 2)})


def test_everything_written_is_read(store: MotionStore) -> None:
    assert len(store) == 6
    assert list(store.ids) == ["train-0", "train-1", "train-2", "val-0", "test-0", "test-1"]
    assert store.lengths.tolist() == [5, 7, 11, 3, 13, 2]
    assert store.split_names == ("train", "val", "test")
    assert store.indices("test").tolist() == [4, 5]
    assert store.split(3) == "val"
    np.testing.assert_array_equal(store.clip(4), random_features(13, 0))
    assert store.captions(1) == ["train 1 caption 0", "train 1 caption 1", "train 1 caption 2"]
    assert [store.caption(1, choice) for choice in (0.0, 0.34, 0.99)] == store.captions(1)
    assert store.attributes(5) == {"number": 1, "kind": "common"}
    assert store.index("val-0") == 3
    assert (store.facts.name, store.facts.licence, store.facts.citation) == ("tiny", "CC0", "Nobody, 2026")
    assert store.facts.fps == 20
    assert store.facts.skeleton == get_skeleton("humanml3d")


def test_pieces_of_clips_are_read_only_and_where_slices_of_whole_ones_are(store: MotionStore) -> None:
    whole = store.clip(4)
    for start, stop in ((0, 3), (2, 13), (5, 100), (7, 7), (9, 4)):
        np.testing.assert_array_equal(store.clip(4, start, stop), whole[start:stop])
    with pytest.raises(ValueError, match="read-only"):
        store.clip(0)[0] = 0.0


def test_a_pickled_store_holds_a_path_and_no_data(store: MotionStore) -> None:
    data = pickle.dumps(store)
    assert len(data) < 1000
    np.testing.assert_array_equal(pickle.loads(data).clip(2), store.clip(2))


def test_statistics_are_those_of_the_training_split(store: MotionStore) -> None:
    train = np.concatenate([store.clip(i) for i in range(3)]).astype(np.float64)
    np.testing.assert_allclose(store.facts.mean.numpy(), train.mean(0), rtol=1e-5, atol=1e-7)
    # The shared deviation of a group lies between its members' own.
    assert train.std(0).min() * 0.999 <= store.facts.std.min()
    assert store.facts.std.max() <= train.std(0).max() * 1.001


def test_a_digest_changes_with_its_own_split_only(tmp_path: Path) -> None:
    first = write_store(tmp_path / "a", {"train": (5, 7), "val": (3,)}).facts.digests
    other = write_store(tmp_path / "b", {"train": (5, 7), "val": (4,)}).facts.digests
    assert first["train"] == other["train"]
    assert first["val"] != other["val"]
    assert first == write_store(tmp_path / "c", {"train": (5, 7), "val": (3,)}).facts.digests


def test_unknown_split_and_clip_are_named(store: MotionStore) -> None:
    with pytest.raises(UserError, match="no split 'tset'; it has train, val, test"):
        store.indices("tset")
    with pytest.raises(UserError, match="no clip 'x'"):
        store.index("x")


@pytest.mark.parametrize("field", ["name", "licence", "citation"])
def test_the_origin_is_required(field: str) -> None:
    values = {"name": "n", "licence": "l", "citation": "c", field: " "}
    with pytest.raises(UserError, match=f"origin.{field} is blank"):
        Origin(**values)


def test_a_missing_store_says_how_to_build_one(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no motion store at .*nothing: build one with"):
        MotionStore.open(tmp_path / "nothing")


def test_a_foreign_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"is not a motion store: store.json is missing"):
        MotionStore.open(tmp_path)


@pytest.mark.parametrize(
    "name",
    [
        "attributes",
        "attributes_ends",
        "caption_ends",
        "captions",
        "captions_ends",
        "features",
        "ids",
        "ids_ends",
        "lengths",
        "splits",
        "starts",
    ],
)
def test_missing_and_truncated_columns_are_named(store: MotionStore, name: str) -> None:
    file = store.path / f"{name}.npy"
    content = file.read_bytes()
    file.write_bytes(content[:-1])
    with pytest.raises(UserError, match=f"{name}.npy: not a readable array"):
        MotionStore.open(store.path)
    file.unlink()
    with pytest.raises(UserError, match=f"{name}.npy is missing"):
        MotionStore.open(store.path)


@pytest.mark.parametrize("name", ["features", "captions", "captions_ends", "ids", "starts", "attributes"])
def test_a_file_that_is_cut_under_an_open_store_is_named(store: MotionStore, name: str) -> None:
    os.truncate(store.path / f"{name}.npy", 130)
    with pytest.raises(UserError, match=rf"{name}\.npy: damaged, it has 130 bytes"):
        store.clip(5), store.captions(5), store.ids[5], store.attributes(5)


def test_a_column_of_another_store_is_named(store: MotionStore) -> None:
    np.save(store.path / "lengths.npy", np.zeros(4, np.int64))
    with pytest.raises(
        UserError, match=r"lengths.npy: holds int64 of shape \(4,\) where the store needs int64 of \(6,\)"
    ):
        MotionStore.open(store.path)
    np.save(store.path / "lengths.npy", np.array([{}] * 6), allow_pickle=True)
    with pytest.raises(UserError, match=r"lengths.npy: not a readable array"):
        MotionStore.open(store.path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "store.json: damaged"),
        ("[]", "store.json: damaged"),
        ('{"format": 99}', "store format 99, this version reads 1"),
        ('{"format": 1}', "store.json: damaged .KeyError: 'facts'"),
    ],
)
def test_a_damaged_description_is_named(store: MotionStore, text: str, message: str) -> None:
    (store.path / "store.json").write_text(text)
    with pytest.raises(UserError, match=message):
        MotionStore.open(store.path)


def test_what_cannot_be_used_is_quarantined_with_a_reason(tmp_path: Path) -> None:
    good = random_features(5, 0)
    nan, infinite = good.copy(), good.copy()
    nan[2, 4] = np.nan
    infinite[1, 0] = np.inf
    with writer(tmp_path / "s") as target:
        assert target.add("a", good, ["one", "  "], "train")
        assert not target.add("nan", nan, ["x"], "train")
        assert not target.add("inf", infinite, ["x"], "train")
        assert not target.add("narrow", good[:, :7], ["x"], "train")
        assert not target.add("empty", good[:0], ["x"], "train")
        assert not target.add("mute", good, ["", " "], "train")
        assert not target.add("a", good, ["x"], "train")
        assert not target.add("a", good, ["x"], "test")
        assert not target.add(" ", good, ["x"], "train")
        assert not target.add("b", good, ["x"], "")
        assert target.add("uncaptioned", good, [], "train")
    store = MotionStore.open(tmp_path / "s")
    assert list(store.ids) == ["a", "uncaptioned"]
    assert store.captions(0) == ["one"]
    assert store.caption(1) == ""
    assert [str(record) for record in store.quarantine] == [
        "a: empty caption (1 of 2; the clip is kept)",
        "nan: NaN (1 values, first in frame 2, channel 4)",
        "inf: infinite value (1 values, first in frame 1, channel 0)",
        f"narrow: wrong width (features of shape (5, 7), the layout gives (frames, {WIDTH}))",
        "empty: no frames (the clip is empty)",
        "mute: empty caption (the clip has no other)",
        "a: duplicate id (in split train; the first one is kept)",
        "a: in two splits (train (kept) and test)",
        " : no id",
        "b: no split",
    ]


def test_a_store_without_clips_or_training_clips_is_refused(tmp_path: Path) -> None:
    with (
        pytest.raises(UserError, match="no clip can be used; the first of 1 faults: bad: no frames"),
        writer(tmp_path / "s") as target,
    ):
        target.add("bad", random_features(0, 0), ["x"], "train")
    with (
        pytest.raises(UserError, match="no clip is in the split 'train'; there are test"),
        writer(tmp_path / "s") as target,
    ):
        target.add("good", random_features(3, 0), ["x"], "test")
    assert not any(tmp_path.iterdir())


def test_an_error_while_writing_leaves_the_old_store(store: MotionStore) -> None:
    before = sorted(store.path.parent.iterdir())
    with pytest.raises(TypeError, match="not JSON serializable"), writer(store.path) as target:
        target.add("new", random_features(4, 0), ["x"], "train", {"not JSON": object()})
    assert sorted(store.path.parent.iterdir()) == before
    assert len(MotionStore.open(store.path)) == 6


def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    append = ColumnWriter.append

    def full(column: ColumnWriter, rows: np.ndarray) -> None:
        if rows.ndim == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        append(column, rows)

    monkeypatch.setattr(ColumnWriter, "append", full)
    with pytest.raises(UserError, match=r"cannot write .*s: No space left on device"), writer(tmp_path / "s") as target:
        target.add("a", random_features(4, 0), ["x"], "train")
    assert not any(tmp_path.iterdir())


def test_check_finds_what_was_changed_after_building(store: MotionStore) -> None:
    assert check_store(store).clean
    features = np.load(store.path / "features.npy")
    features[6] = np.nan
    np.save(store.path / "features.npy", features)
    ends = np.load(store.path / "ids_ends.npy")
    blob = np.load(store.path / "ids.npy")
    blob[: ends[0]] = np.frombuffer(b"train-1", np.uint8)
    np.save(store.path / "ids.npy", blob)
    lengths = np.load(store.path / "lengths.npy")
    lengths[5] = 100
    np.save(store.path / "lengths.npy", lengths)
    description = json.loads((store.path / "store.json").read_text())
    description["facts"]["std"][0] = 0.0
    (store.path / "store.json").write_text(json.dumps(description))
    result = check_store(MotionStore.open(store.path))
    assert [(fault.clip, fault.reason) for fault in result.faults] == [
        ("train-1", "NaN"),
        ("train-1", "duplicate id"),
        ("test-1", "unreadable features"),
        ("split train", "changed content"),
        ("split test", "changed content"),
        ("statistics", "unusable mean or std"),
    ]


def test_a_million_clips_open_at_once(tmp_path: Path) -> None:
    path = write_store(tmp_path / "s", {"train": (2,)}, captions=1).path
    size = 1_000_000
    for name, column in {
        "starts": np.zeros(size, np.int64),
        "lengths": np.full(size, 2, np.int64),
        "splits": np.zeros(size, np.uint8),
        "caption_ends": np.arange(1, size + 1),
        "ids_ends": np.arange(1, size + 1),
        "ids": np.full(size, ord("x"), np.uint8),
        "captions_ends": np.arange(1, size + 1),
        "captions": np.full(size, ord("c"), np.uint8),
        "attributes_ends": np.arange(2, 2 * size + 2, 2),
        "attributes": np.tile(np.frombuffer(b"{}", np.uint8), size),
    }.items():
        np.save(path / f"{name}.npy", column)
    description = json.loads((path / "store.json").read_text())
    (path / "store.json").write_text(json.dumps({**description, "clips": size}))
    began = time.perf_counter()
    store = MotionStore.open(path)
    opened = time.perf_counter() - began
    assert store.captions(size - 1) == ["c"]
    assert len(store.indices("train")) == size
    assert opened < 1.0
    shutil.rmtree(path)


def test_moments_do_not_depend_on_the_clips_they_came_in(tmp_path: Path) -> None:
    features = random_features(20, 3) + 1000
    means = []
    for name, cuts in (("a", [20]), ("b", [3, 10])):
        with writer(tmp_path / name) as target:
            for part in np.split(features, cuts):
                target.add(str(len(part)), part, ["x"], "train")
        means.append(MotionStore.open(tmp_path / name).facts)
    torch.testing.assert_close(means[0].mean, means[1].mean)
    torch.testing.assert_close(means[0].std, means[1].std)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_store_that_is_cut_under_a_loader_is_named(workers: int, tmp_path: Path) -> None:
    path = write_store(tmp_path / "store", {"train": [300] * 64}).path
    loading = Loading(batch_size=2, workers=workers, max_frames=300)
    batches = iter(Stored(str(path), loading=loading).train_dataloader())
    next(batches)
    os.truncate(path / "features.npy", 4096)
    with pytest.raises(UserError) as caught:  # a memory map would end the process here
        list(batches)
    message = str(caught.value).rpartition("UserError: ")[2]  # after what torch says of the loading process
    assert "features.npy: damaged, it has 4096 bytes" in message
    assert "\n" not in str(caught.value)
