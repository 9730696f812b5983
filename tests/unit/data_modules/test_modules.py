"""Data modules: batches, crops, windows, captions, and the loops of Lightning."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import numpy as np
import pytest
import torch
from torch import Tensor

from helpers.stores import WIDTH, random_features, write_store
from scalemogen.contracts import MotionBatch
from scalemogen.data_modules import Loading, Stored, Synthetic
from scalemogen.data_modules import base as base_module
from scalemogen.data_modules.built import BuiltDataModule
from scalemogen.errors import UserError

LENGTHS = {"train": (12, 30, 16, 9, 20, 41, 17), "val": (10, 45, 21, 3), "test": (14,), "compose": (18, 19)}


class Tiny(BuiltDataModule):
    """A store of noise."""

    def __init__(
        self,
        root: Path,
        lengths: dict[str, tuple[int, ...]] | None = None,
        **loading: Any,
    ) -> None:
        super().__init__(Loading(**{"batch_size": 3, "max_frames": 20, "min_frames": 8, **loading}))
        self.root = root
        self.lengths = LENGTHS if lengths is None else lengths
        self.built = 0

    @property
    def path(self) -> Path:
        """Folder of the store."""
        return self.root / "tiny"

    def build(self) -> None:
        """Write noise."""
        self.built += 1
        write_store(self.path, self.lengths)


@pytest.fixture
def module(tmp_path: Path) -> Tiny:
    found = Tiny(tmp_path)
    found.prepare_data()
    found.setup("fit")
    return found


def epoch(module: Tiny, number: int = 0) -> list[MotionBatch]:
    loader = module.train_dataloader()
    loader.sampler.set_epoch(number)
    return list(loader)


def clips(batches: list[MotionBatch]) -> dict[str, tuple[int, str]]:
    return {
        clip: (int(length), caption)
        for batch in batches
        for clip, length, caption in zip(batch.clip_ids, batch.lengths, batch.captions, strict=True)
    }


def test_batches_are_normalised_and_zero_outside(module: Tiny) -> None:
    for batch in epoch(module):
        assert batch.features.shape == (len(batch), int(batch.lengths.max()), WIDTH)
        assert batch.features.dtype == torch.float32
        assert batch.lengths.dtype == torch.int64
        for features, length, clip in zip(batch.features, batch.lengths.tolist(), batch.clip_ids, strict=True):
            assert not features[length:].any()
            original = torch.from_numpy(random_features(LENGTHS["train"][int(clip[6:])], int(clip[6:])))
            found = features[:length] * module.facts.std + module.facts.mean
            starts = range(len(original) - length + 1)
            assert any(torch.allclose(original[start : start + length], found, atol=1e-5) for start in starts)


def test_long_clips_are_cropped_and_all_clips_come_in_turn(module: Tiny) -> None:
    seen: dict[str, set[int]] = {}
    for number in range(12):
        found = clips(epoch(module, number))
        assert len(found) == 6
        for clip, (length, _) in found.items():
            seen.setdefault(clip, set()).add(length)
    assert seen == {f"train-{i}": {min(length, 20)} for i, length in enumerate(LENGTHS["train"])}


def test_an_epoch_repeats_bit_for_bit_and_the_next_differs(module: Tiny) -> None:
    first, again, second = epoch(module), epoch(module), epoch(module, 1)
    for one, two in zip(first, again, strict=True):
        assert one.clip_ids == two.clip_ids
        assert one.captions == two.captions
        assert torch.equal(one.features, two.features)
    assert [batch.clip_ids for batch in first] != [batch.clip_ids for batch in second]


def test_the_order_follows_the_seed_of_the_run(module: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    orders = []
    for seed in ("1", "1", "2"):
        monkeypatch.setenv("PL_GLOBAL_SEED", seed)
        orders.append([batch.clip_ids for batch in epoch(module)])
    assert orders[0] == orders[1] != orders[2]


def test_training_draws_captions_and_validation_takes_the_first(module: Tiny) -> None:
    drawn = {clips(epoch(module, number)).get("train-1", (0, ""))[1] for number in range(20)} - {""}
    assert drawn == {f"train 1 caption {i}" for i in range(3)}
    assert clips(list(module.test_dataloader())) == {"test-0": (14, "test 0 caption 0")}


def test_long_clips_are_cut_into_windows_in_validation(module: Tiny) -> None:
    batches = list(module.val_dataloader())
    assert [clip for batch in batches for clip in batch.clip_ids] == ["val-0", "val-1#w1", "val-1#w2", "val-2#w1"]
    assert [batch.lengths.tolist() for batch in batches] == [[10, 20], [20, 20]]
    second = batches[1].features[0] * module.facts.std + module.facts.mean
    np.testing.assert_allclose(second.numpy(), random_features(45, 1)[20:40], atol=1e-5)


def test_clips_left_out_are_counted(module: Tiny, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        module.val_dataloader()
    # A clip of 3 frames, and last windows of 5 and 1 frames.
    assert "split 'val': 3 clips or last windows shorter than 8 frames left out, 4 kept" in caplog.text


def test_a_split_without_clips_is_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    module = Tiny(tmp_path, min_frames=20)
    with caplog.at_level("INFO"):
        assert module.test_dataloader() == module.split_dataloader("compose") == []
    assert "split 'test' has no clip of at least 20 frames, so nothing is measured on it" in caplog.text
    assert "split 'compose' has no clip" in caplog.text


def test_worker_processes_give_the_same_batches(module: Tiny, tmp_path: Path) -> None:
    parallel = Tiny(tmp_path, workers=2)
    for one, two in zip(epoch(module), epoch(parallel), strict=True):
        assert one.clip_ids == two.clip_ids
        assert torch.equal(one.features, two.features)


def test_a_store_is_built_once(module: Tiny, tmp_path: Path) -> None:
    other = Tiny(tmp_path)
    other.prepare_data()
    other.prepare_data()
    assert (module.built, other.built) == (1, 0)
    assert other.facts.digest == module.facts.digest
    assert other.captions("compose") == [f"compose {i} caption {j}" for i in range(2) for j in range(3)]


def test_a_store_that_is_there_is_used(module: Tiny, tmp_path: Path) -> None:
    stored = Stored(str(module.path), loading=Loading(batch_size=3, max_frames=20, min_frames=8))
    stored.prepare_data()
    for one, two in zip(module.train_dataloader(), stored.train_dataloader(), strict=True):
        assert torch.equal(one.features, two.features)
    with pytest.raises(UserError, match=r"no motion store at .*absent"):
        Stored(str(tmp_path / "absent" / "store")).prepare_data()
    assert not (tmp_path / "absent").exists()


def test_facts_are_there_before_the_loops_ask(tmp_path: Path) -> None:
    assert Tiny(tmp_path).facts.name == "tiny"


def test_other_splits_have_loaders_and_missing_ones_none(module: Tiny, tmp_path: Path) -> None:
    assert [len(batch) for batch in module.split_dataloader("compose")] == [2]
    other = Tiny(tmp_path / "other", {"train": (30, 30), "val": (5,)})
    assert other.val_dataloader() == []
    assert other.test_dataloader() == []
    assert other.captions("test") == []


def test_two_ranks_share_the_work(module: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[str]] = []
    monkeypatch.setattr(base_module, "world_size", lambda: 2)
    for rank in range(2):
        monkeypatch.setattr(base_module, "rank", lambda rank=rank: rank)
        training = epoch(module)
        assert len(training) == 1
        seen.append([clip for batch in [*training, *module.val_dataloader()] for clip in batch.clip_ids])
    assert len(seen[0]) == len(seen[1])
    assert not set(seen[0]) & set(seen[1])


@pytest.mark.parametrize(
    "options", [{"batch_size": 0}, {"min_frames": 0}, {"min_frames": 30, "max_frames": 20}, {"workers": -1}]
)
def test_numbers_out_of_range_are_named(tmp_path: Path, options: dict[str, int]) -> None:
    with pytest.raises(UserError, match="needed batch_size >= 1"):
        Tiny(tmp_path, **options)


def test_no_training_clip_long_enough_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="0 training clips of at least 8 frames for 1 processes"):
        Tiny(tmp_path, {"train": (4, 5)}).train_dataloader()


def test_an_unwritable_root_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"cannot write .*tiny"):
        Tiny(tmp_path / "file").prepare_data()


def test_few_synthetic_clips_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="19 synthetic clips: at least 20"):
        Synthetic(clips=19, root=str(tmp_path)).prepare_data()


class Probe(pl.LightningModule):
    """Counts what the loops hand it."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(()))
        self.seen: dict[str, list[str]] = {"train": [], "val": [], "predict": []}

    def training_step(self, batch: MotionBatch) -> Tensor:
        """Use every feature."""
        self.seen["train"] += batch.clip_ids
        return (batch.features.mean() * self.weight) ** 2

    def validation_step(self, batch: MotionBatch) -> None:
        """Note the clips."""
        self.seen["val"] += batch.clip_ids

    def predict_step(self, batch: MotionBatch) -> Tensor:
        """Note the clips."""
        self.seen["predict"] += batch.clip_ids
        return batch.lengths

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Return any optimiser."""
        return torch.optim.SGD(self.parameters(), lr=0.1)


@pytest.fixture
def trainer(tmp_path: Path) -> pl.Trainer:
    return pl.Trainer(
        accelerator="cpu",
        max_epochs=2,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=tmp_path,
        num_sanity_val_steps=0,
    )


@pytest.mark.filterwarnings("ignore:.*LeafSpec.*:FutureWarning")  # Lightning 2.6 on torch 2.13
def test_the_loops_of_lightning_run_and_epochs_differ(module: Tiny, trainer: pl.Trainer) -> None:
    probe = Probe()
    trainer.fit(probe, datamodule=module)
    halves = probe.seen["train"][:6], probe.seen["train"][6:]
    assert halves[0] != halves[1]
    assert halves == tuple([clip for batch in epoch(module, i) for clip in batch.clip_ids] for i in range(2))
    assert len(probe.seen["val"]) == 8
    assert len(trainer.predict(probe, datamodule=module)) == 1


def test_the_folder_has_one_import_name() -> None:
    root = Path(__file__).parents[3]
    code = "import data_modules"
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "ImportError: import scalemogen.data_modules instead of data_modules" in done.stderr


def test_balanced_batches_show_rare_values_as_often_as_common_ones(tmp_path: Path) -> None:
    balanced = Tiny(tmp_path, {"train": (16,) * 21}, balance="kind")
    seen = [int(clip[6:]) for number in range(60) for batch in epoch(balanced, number) for clip in batch.clip_ids]
    rare = sum(clip == 0 for clip in seen) / len(seen)
    assert rare == pytest.approx(0.5, abs=0.05)  # one clip of 21 is of another kind
    with pytest.raises(UserError, match=r"cannot balance by 'kin', clip 'train-0' has no such attribute \(it has kind"):
        Tiny(tmp_path, {"train": (16,) * 21}, balance="kin").train_dataloader()
