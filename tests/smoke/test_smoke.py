"""Green means working: all stages, sampling and scoring in miniature, as a user runs them."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
import torch

from helpers.training import options
from scalemogen import TextToMotion
from scalemogen.cli.main import main
from scalemogen.evaluation import find_evaluator, load_evaluator
from scalemogen.metrics.functional import matching_score, mpjpe_root_aligned
from scalemogen.motion import get_layout
from scalemogen.synthetic import generate_clip

STEPS = ["--trainer.max_steps=4", "--trainer.log_every_n_steps=1", "--trainer.enable_progress_bar=false"]


def train(stage: str, capsys: pytest.CaptureFixture[str]) -> Path:
    """Train in the current folder, with loggers and pictures; returns the folder of the run."""
    assert main([stage, "fit", *options(stage, Path("data")), *STEPS]) == 0
    lines = dict(
        line.split(": ", 1) for line in capsys.readouterr().out.splitlines() if line.startswith(("run", "model"))
    )
    assert lines["model"] == f"{lines['run']}/model"
    run = Path(lines["run"])
    assert run.parent == Path("runs") / stage
    return run


def columns(run: Path) -> set[str]:
    with (run / "metrics.csv").open() as file:
        return set(next(csv.reader(file)))


def test_smoke(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    tokenizer = train("tokenizer", capsys)
    ar = train("ar", capsys)  # finds the tokenizer by itself
    for run in (tokenizer, ar):
        assert {"train/loss", "val/loss", "train/clips_per_s", "train/frames_per_s"} <= columns(run)
        assert list(run.glob("samples/*.png"))
        assert list(run.glob("samples/*.gif"))
        assert list(run.glob("wandb/offline-run-*/*.wandb"))  # W&B, without a key
        assert (run / "config.yaml").is_file()
    assert {"val/mpjpe_root_mm", "val/mpjpe_world_mm", "val/bits_used", "val_scales/bit_entropy_00"} <= columns(
        tokenizer
    )

    evaluator = train("evaluator", capsys)
    assert {"train/loss", "val/loss", "val_gallery/text_to_motion_r3"} <= columns(evaluator)

    model = TextToMotion.from_pretrained(ar / "model")
    motion = model.generate("a person walks forward", seconds=2.0)
    assert motion.positions.shape == (40, 22, 3)
    original = model.prepare(generate_clip(0, 0).motion)
    rebuilt = model.reconstruct(original)
    frames = torch.tensor([rebuilt.frames])
    error = mpjpe_root_aligned(rebuilt.positions[None], original.positions[None, : rebuilt.frames], frames)
    assert 0 < float(error) < 10  # metres; four steps of training teach little

    assert find_evaluator(Path("runs/evaluator"), model.facts) == evaluator / "model"
    judge = load_evaluator(evaluator / "model")
    judge.require(model.facts, "the model")
    features = get_layout(model.facts.layout).from_motion(motion)[None]
    score = matching_score(
        judge.embed_texts(["a person walks forward"]),
        judge.embed_motions(features, torch.tensor([features.shape[1]])).matching,
    )
    assert -1 <= float(score) <= 1

    (best,) = ar.glob("checkpoints/step-*.ckpt")
    same = TextToMotion.from_pretrained(best).generate("a person walks forward", seconds=2.0)
    torch.testing.assert_close(same.positions, motion.positions, rtol=0, atol=0)
