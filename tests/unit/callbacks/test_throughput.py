"""Speeds, waiting and the share of what a device can do, by other ways to the same numbers."""

from __future__ import annotations

import csv
import time
from pathlib import Path

import pytest
import torch

from helpers.toy_ar import toy_spec
from helpers.training import options
from scalemogen.callbacks import throughput
from scalemogen.callbacks.throughput import _tokens_of_cells
from scalemogen.cli.main import main
from scalemogen.cli.stages import make_cli, quiet_libraries
from scalemogen.cost import Settings, build, know, prepare
from scalemogen.data_modules import Loading, Synthetic
from scalemogen.data_modules.dataset import MotionDataset
from scalemogen.machine import peak_flops
from scalemogen.scales import Pyramid


def test_tokens_of_a_motion_are_those_of_its_masks() -> None:
    spec = toy_spec()
    frames_per_cell, tokens = _tokens_of_cells(spec)
    lengths = torch.tensor([1, 4, 17, 39])
    for length in lengths:
        valid = Pyramid(spec).valid(length[None])
        by_mask = sum(int(mask.sum()) * len(scale.groups) for mask, scale in zip(valid, spec.scales, strict=True))
        assert int(tokens[-(-length // frames_per_cell)]) == by_mask


def test_the_loader_tells_how_long_training_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nap, read = 0.05, MotionDataset.__getitem__

    def slowly(self: MotionDataset, *index: object) -> object:
        time.sleep(nap)
        return read(self, *index)  # type: ignore[arg-type]

    module = Synthetic(clips=30, root=str(tmp_path), loading=Loading(batch_size=6))
    loader = module.train_dataloader()
    monkeypatch.setattr(MotionDataset, "__getitem__", slowly)
    started = time.perf_counter()
    batches = 0
    for _ in loader:
        batches += 1
        time.sleep(nap)  # spent by training, not by the loader
    whole = time.perf_counter() - started
    assert batches > 1
    assert batches * nap <= loader.waited <= whole - batches * nap  # type: ignore[attr-defined]


def test_the_share_of_the_peak_is_operations_over_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    peak = 1e12
    monkeypatch.setattr(throughput, "peak_flops", lambda device, precision: peak)
    words = [*options("tokenizer", tmp_path / "data"), "--trainer.precision=32-true"]
    more = ["--trainer.max_steps=6", "--trainer.log_every_n_steps=1", "--trainer.enable_progress_bar=false"]
    more += ["--trainer.logger=lightning.pytorch.loggers.CSVLogger", f"--trainer.logger.save_dir={tmp_path}"]
    more += ["--trainer.logger.name=", "--trainer.logger.version=", "--samples.every=0", f"--run={tmp_path / 'run'}"]
    assert main(["tokenizer", "fit", *words, *more]) == 0
    with (tmp_path / "metrics.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["train/mfu"]]
    assert 4 <= len(rows) < 6  # from the second step on
    per_frame = [peak * float(row["train/mfu"]) / float(row["train/frames_per_s"]) for row in rows]
    assert per_frame == pytest.approx([per_frame[0]] * len(rows), rel=1e-3)

    with quiet_libraries():
        cli = make_cli("tokenizer", [*words, "--trainer.logger=false", f"--run={tmp_path / 'other'}"], run=False)
    data = know(cli.datamodule)
    build(cli.model, data, None, None)
    training = prepare(cli.model, data, Settings(cli.trainer.precision_plugin.forward_context, None), None)
    training.begin()
    lengths = torch.full((13,), data.mean or 0)
    assert per_frame[0] == pytest.approx(training.step(lengths).flops / int(lengths.sum()), rel=0.1)


@pytest.mark.parametrize(
    ("name", "precision", "teraflops"),
    [
        ("NVIDIA A100-SXM4-80GB", "bf16-mixed", 312),
        ("NVIDIA A100-SXM4-80GB", "32-true", 156),
        ("NVIDIA A100-SXM4-80GB MIG 1g.10gb", "bf16-mixed", None),
        ("NVIDIA H100 80GB HBM3", "16-mixed", 989),
        ("NVIDIA H100 PCIe", "bf16-true", 756),
        ("NVIDIA H200", "bf16-mixed", 989),
        ("NVIDIA H200 NVL", "bf16-mixed", 835),
        ("NVIDIA A10G", "bf16-mixed", None),
        ("NVIDIA L40S", "64-true", None),
        ("NVIDIA GeForce RTX 4090", "bf16-mixed", None),
    ],
)
def test_peaks_are_known_by_name(
    name: str, precision: str, teraflops: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: name)
    monkeypatch.setattr(torch, "get_float32_matmul_precision", lambda: "high")
    found = peak_flops(torch.device("cuda"), precision)
    assert found == (None if teraflops is None else teraflops * 1e12)
    assert peak_flops(torch.device("cpu"), precision) is None
