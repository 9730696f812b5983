"""The loss curves of twenty steps: what a change of the arithmetic may not move.

Both stages at toy width on synthetic clips, in float32, through the real command line.
"""

from __future__ import annotations

from pathlib import Path

import torch

from helpers.golden import Golden
from helpers.training import fit

STEPS = 20
ALLOWED = 1e-4
"""Of the first ten steps, as a share of the loss; ten times as much at the last, since training enlarges differences.

Measured on one machine with AVX-512 kernels, with those of AVX2 (ATEN_CPU_CAPABILITY, ONEDNN_MAX_CPU_ISA,
MKL_ENABLE_INSTRUCTIONS), and with two threads: 3e-7 in the first fifteen steps and 3e-6 in the last five, at most.
"""
TOLERANCE = [ALLOWED * 10 ** max(0.0, (step - 9) / 10) for step in range(STEPS)]
OPTIONS = [
    *(f"--trainer.max_steps={STEPS}", "--trainer.max_epochs=-1", "--trainer.precision=32-true"),
    *("--trainer.check_val_every_n_epoch=10", "--trainer.callbacks=helpers.training.Losses"),
]


def curve(stage: str, base: Path, *more: str) -> list[float]:
    folder = base / stage
    folder.mkdir()
    fit(stage, folder, base / "data", *OPTIONS, f"--trainer.callbacks.init_args.folder={folder}", *more)
    losses: list[float] = torch.load(folder / "loss-0.pt", weights_only=True).tolist()
    return [float(f"{loss:.7g}") for loss in losses]


def test_losses_are_what_they_were(renew: bool, tmp_path: Path) -> None:
    found = {"tokenizer": curve("tokenizer", tmp_path)}
    found["ar"] = curve("ar", tmp_path, f"--model.tokenizer={tmp_path / 'tokenizer' / 'model'}")
    assert all(len(losses) == STEPS for losses in found.values())
    Golden("losses", renew).check("toy", found, dict.fromkeys(found, TOLERANCE))
