"""Shards: what a store holds comes back out of them, batch for batch, from here or from elsewhere."""

from __future__ import annotations

import json
import threading
import warnings
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from helpers.stores import write_store
from helpers.training import QUIET, TINY, recipe
from scalemogen.cli.main import main
from scalemogen.contracts import MotionBatch
from scalemogen.data_modules import Loading, MotionDataModule, MotionStore, Shards, Stored, check_store, export_shards
from scalemogen.data_modules import base as base_module
from scalemogen.data_modules import remote as remote_module
from scalemogen.errors import UserError

LENGTHS = {"train": (12, 30, 16, 9, 20, 41, 17, 19, 23, 11, 13), "val": (10, 45, 21), "test": (14,)}
SHARD = 60_000
"""Bytes: two or three of these clips."""


@pytest.fixture
def store(tmp_path: Path) -> MotionStore:
    return write_store(tmp_path / "store", LENGTHS)


@pytest.fixture
def shards(store: MotionStore, tmp_path: Path) -> Path:
    return export_shards(store, tmp_path / "shards", shard_bytes=SHARD).path


def loading(**options: int) -> Loading:
    return Loading(**{"batch_size": 3, "max_frames": 20, "min_frames": 8, **options})  # type: ignore[arg-type]


def epoch(module: MotionDataModule, number: int = 0) -> list[MotionBatch]:
    loader = module.train_dataloader()
    loader.sampler.set_epoch(number)  # type: ignore[attr-defined]
    return list(loader)


def assert_equal_batches(mine: list[MotionBatch], theirs: list[MotionBatch]) -> None:
    assert len(mine) == len(theirs) > 0
    for one, two in zip(mine, theirs, strict=True):
        assert (one.clip_ids, one.captions) == (two.clip_ids, two.captions)
        assert torch.equal(one.features, two.features)
        assert torch.equal(one.lengths, two.lengths)


def chunks(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.glob("chunk-*.bin"))


def test_a_store_comes_back_whole(store: MotionStore, shards: Path) -> None:
    assert len(chunks(shards)) == 7
    assert all(file.stat().st_size < SHARD + 100 for file in shards.glob("chunk-*.bin"))
    assert not list(shards.glob("features*"))
    back = MotionStore.open(shards)
    assert back.facts.to_dict() == store.facts.to_dict()
    assert (back.split_names, back.provenance) == (store.split_names, store.provenance)
    for index in range(len(store)):
        np.testing.assert_array_equal(back.clip(index), store.clip(index))
        assert (back.ids[index], back.captions(index)) == (store.ids[index], store.captions(index))
        assert back.attributes(index) == store.attributes(index)
    assert check_store(back).clean
    with pytest.raises(ValueError, match="read-only"):
        back.clip(0)[0] = 0
    with pytest.raises(IndexError):
        back.clip(len(store))


def test_litdata_reads_what_was_written(store: MotionStore, shards: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from litdata.streaming import dataset

    monkeypatch.setattr(dataset, "_check_version_and_prompt_upgrade", lambda version: None)  # asks the network
    items: list[NDArray[np.float32]] = list(dataset.StreamingDataset(str(shards)))
    assert len(items) == len(store)
    for index, item in enumerate(items):
        np.testing.assert_array_equal(item, store.clip(index))


def test_the_same_store_gives_the_same_shards(store: MotionStore, shards: Path, tmp_path: Path) -> None:
    again = export_shards(MotionStore.open(shards), tmp_path / "again", shard_bytes=SHARD).path
    assert {file.name for file in again.iterdir()} == {file.name for file in shards.iterdir()}
    assert all((again / file.name).read_bytes() == file.read_bytes() for file in shards.iterdir())


def test_a_clip_larger_than_a_shard_gets_one_of_its_own(store: MotionStore, tmp_path: Path) -> None:
    back = export_shards(store, tmp_path / "shards", shard_bytes=1)
    assert len(chunks(back.path)) == len(store)
    np.testing.assert_array_equal(back.clip(5), store.clip(5))


@pytest.mark.filterwarnings("ignore:This DataLoader will create 3 worker processes")  # on two cores
@pytest.mark.parametrize("workers", [0, 1, 3])
@pytest.mark.parametrize("elsewhere", [False, True])
def test_batches_are_those_of_the_store(
    workers: int, elsewhere: bool, store: MotionStore, shards: Path, tmp_path: Path
) -> None:
    source = f"local:{shards}" if elsewhere else str(shards)
    module = Shards(source, cache=str(tmp_path / "cache"), loading=loading(workers=workers))
    module.prepare_data()
    stored = Stored(str(store.path), loading=loading())
    for number in range(2):
        assert_equal_batches(epoch(module, number), epoch(stored, number))
    assert_equal_batches(list(module.val_dataloader()), list(stored.val_dataloader()))


def test_two_ranks_see_together_what_one_sees_with_a_double_batch(
    shards: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (one,) = epoch(Shards(str(shards), loading=loading(batch_size=10)))
    monkeypatch.setattr(base_module, "world_size", lambda: 2)
    clips = []
    for rank in range(2):
        monkeypatch.setattr(base_module, "rank", lambda rank=rank: rank)
        (half,) = epoch(Shards(str(shards), loading=loading(batch_size=5)))
        clips += half.clip_ids
        assert len(half) == 5
    assert sorted(clips) == sorted(one.clip_ids)


def test_shards_are_fetched_when_they_are_needed_and_kept(shards: Path, tmp_path: Path) -> None:
    def open_them() -> Shards:
        module = Shards(f"local:{shards}/", cache=str(tmp_path / "cache"), loading=loading())
        module.prepare_data()
        return module

    module = open_them()
    assert module.path.parent == tmp_path / "cache"
    assert module.captions("val")
    assert chunks(module.path) == []
    module.store.clip(0)
    assert chunks(module.path) == ["chunk-0-0.bin"]
    epoch(module)
    epoch(module, 1)
    assert chunks(module.path) == [f"chunk-0-{number}.bin" for number in range(5)]  # not those of other splits
    (shards / "chunk-0-1.bin").unlink()  # as if there were no way to it any more
    assert open_them().path == module.path
    assert_equal_batches(epoch(open_them()), epoch(module))
    left = {file.name for file in module.path.iterdir() if not file.name.endswith(".lock")}
    assert left == {file.name for file in shards.iterdir()} - {"chunk-0-5.bin", "chunk-0-6.bin"} | {
        "address.json",
        "chunk-0-1.bin",
    }


class Bucket(SimpleHTTPRequestHandler):
    """A folder as an object store: what reading S3 asks for."""

    def end_headers(self) -> None:
        self.send_header("ETag", '"1"')
        super().end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_shards_come_from_an_object_store(
    store: MotionStore, shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Bucket, directory=str(tmp_path))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
            monkeypatch.setenv(name, "us-east-1")
        module = Shards("s3://shards", cache=str(tmp_path / "cache"), loading=loading())
        assert_equal_batches(epoch(module), epoch(Stored(str(store.path), loading=loading())))
        (shards / "chunk-0-6.bin").unlink()
        with pytest.raises(UserError, match=r"s3://shards/chunk-0-6.bin cannot be fetched: .*Not Found"):
            module.store.clip(len(store) - 1)
        server.shutdown()


def test_other_shards_at_the_same_address_are_fetched_anew(store: MotionStore, shards: Path, tmp_path: Path) -> None:
    address, cache = f"local:{shards}", str(tmp_path / "cache")
    first = Shards(address, cache=cache).path
    write_store(store.path, {"train": (12, 30)})
    export_shards(MotionStore.open(store.path), shards)
    second = Shards(address, cache=cache)
    assert second.path != first
    assert len(second.store) == 2


def damage(content: Any, **change: Any) -> bytes:
    return json.dumps({**content, "config": {**content["config"], **change}}).encode()


def test_foreign_formats_are_refused_and_never_unpickled(shards: Path) -> None:
    index = json.loads((shards / "index.json").read_text())
    for content, message in [
        (damage(index, data_format=["pickle"]), r"config.data_format.0: .*'numpy' \(it is 'pickle'\)"),
        (damage(index, data_format=["numpy", "pickle"]), r"config.data_format"),
        (damage(index, compression="zstd"), r"config.compression: .*\(it is 'zstd'\)"),
        (damage(index, item_loader="TokensLoader"), r"config.item_loader"),
        (b"{", r"Invalid JSON"),
        (json.dumps({**index, "chunks": index["chunks"][:-1]}).encode(), "items for the 15 clips"),
        (
            json.dumps({**index, "chunks": [{**index["chunks"][0], "filename": "../../x.bin"}]}).encode(),
            "chunks.0.filename",
        ),
    ]:
        (shards / "index.json").write_bytes(content)
        with pytest.raises(UserError, match=rf"index.json: .*{message}"):
            MotionStore.open(shards)


def test_missing_and_damaged_shards_are_named(shards: Path, tmp_path: Path) -> None:
    distant = MotionStore.open(Shards(f"local:{shards}", cache=str(tmp_path / "cache")).path)
    file = shards / "chunk-0-0.bin"
    content = file.read_bytes()
    file.write_bytes(content[:-4])
    with pytest.raises(UserError, match=rf"chunk-0-0.bin: damaged, {len(content) - 4} bytes where .* {len(content)}"):
        MotionStore.open(shards)
    file.unlink()
    with pytest.raises(UserError, match=r"shards: chunk-0-0.bin is missing"):
        MotionStore.open(shards)
    with pytest.raises(UserError, match=r"local:.*shards/chunk-0-0.bin cannot be fetched: .*doesn't exist"):
        distant.clip(0)
    words = np.frombuffer(content, np.uint32).copy()
    words[1] += 4  # where the first item begins
    file.write_bytes(words.tobytes())
    with pytest.raises(UserError, match=r"chunk-0-0.bin: damaged, item 0 is not the 12 frames of 263 features"):
        MotionStore.open(shards).clip(0)
    (fault, *_) = check_store(MotionStore.open(shards)).faults
    assert (fault.clip, fault.reason) == ("train-0", "unreadable features")


def test_an_address_without_shards_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"local:.*nothing/store.json cannot be fetched"):
        Shards(f"local:{tmp_path / 'nothing'}", cache=str(tmp_path / "cache")).prepare_data()
    assert list((tmp_path / "cache").iterdir()) == []
    with pytest.raises(UserError, match="no motion store at"):
        Shards(str(tmp_path / "nothing")).prepare_data()


def test_a_shard_that_is_missing_in_a_run_is_one_line(
    shards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for file in shards.glob("chunk-*.bin"):
        file.unlink()
    arguments = [
        *("tokenizer", "fit", "--config", str(recipe("tokenizer")), "--trainer.accelerator=cpu", *TINY["tokenizer"]),
        *("--data=scalemogen.data_modules.Shards", f"--data.init_args.source=local:{shards}"),
        *(f"--data.init_args.cache={tmp_path / 'cache'}", "--data.init_args.loading.workers=1"),
        *("--data.init_args.loading.min_frames=8", "--data.init_args.loading.balance="),
        *(*QUIET, f"--run={tmp_path / 'run'}"),
    ]
    assert main(arguments) == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "error" in line]
    assert line.startswith(f"scalemogen: error: local:{shards}/chunk-0-")
    assert "cannot be fetched" in line
    assert "Traceback" not in line


def test_an_interrupted_export_leaves_nothing(
    store: MotionStore, shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from litdata.streaming.writer import BinaryWriter

    def interrupt(self: BinaryWriter) -> None:
        raise KeyboardInterrupt

    before = {file.name: file.read_bytes() for file in shards.iterdir()}
    monkeypatch.setattr(BinaryWriter, "done", interrupt)
    for path in (tmp_path / "new", shards):
        with pytest.raises(KeyboardInterrupt):
            export_shards(store, path, shard_bytes=SHARD)
    assert {path.name for path in tmp_path.iterdir()} == {"store", "shards"}
    assert {file.name: file.read_bytes() for file in shards.iterdir()} == before


def test_a_command_writes_shards(store: MotionStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert main(["data", "shards", str(store.path), "--out", str(out)]) == 0
    shown = capsys.readouterr()
    assert shown.out.startswith(f"{out}: 15 clips in 1 shards, ")
    assert "writing shards: 100%" in shown.err
    assert main(["data", "check", str(out), "--strict"]) == 0
    assert main(["data", "shards", str(store.path), "--out", str(out), "--json"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["clips"] == 15


def test_exports_that_cannot_be_are_refused(
    store: MotionStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for size in (0, 2**31 + 1):
        with pytest.raises(UserError, match=f"shards of {size} bytes: 1 to 2147483648"):
            export_shards(store, tmp_path / "out", shard_bytes=size)
    with pytest.raises(UserError, match="is the store itself"):
        export_shards(store, store.path)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "file").write_text("mine")
    with pytest.raises(UserError, match="is no motion store: it is not replaced"):
        export_shards(store, tmp_path / "other")
    monkeypatch.setattr(remote_module, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"pip install 'scalemogen\[shards\]'"):
        export_shards(store, tmp_path / "out")
    with pytest.raises(UserError, match=r"pip install 'scalemogen\[shards\]'"):
        Shards("s3://bucket/shards", cache=str(tmp_path / "cache")).prepare_data()
    assert not (tmp_path / "out").exists()
