"""Both stages train on BVH files of a foreign skeleton, with words from the names of the files."""

from __future__ import annotations

from pathlib import Path

from helpers.stores import bvh_text
from helpers.training import QUIET, TINY
from scalemogen.cli.main import main
from scalemogen.pipeline import TextToMotion
from scalemogen.skeletons import get_skeleton


def test_both_stages_train(tmp_path: Path) -> None:
    takes = tmp_path / "takes"
    takes.mkdir()
    for number, name in enumerate(("train_walk_1", "train_run_1", "train_walk_2", "val_run_2")):
        (takes / f"{name}.bvh").write_text(bvh_text(get_skeleton("bandai_namco"), 70, number))
    out = tmp_path / "store"
    command = [
        *("data", "bvh", "--source", str(takes), "--out", str(out), "--strict", "--map", "bandai_namco"),
        *("--names", "{split}_{action}_{take}", "--caption", "a person does {action}", "--window", "1"),
        *("--name", "Tiny", "--licence", "CC0", "--citation", "Nobody, 2026"),
    ]
    assert main(command) == 0
    common = [
        *("--trainer.accelerator=cpu", "--trainer.max_steps=2", "--trainer.check_val_every_n_epoch=1", *QUIET),
        *("--data=scalemogen.data_modules.Stored", f"--data.init_args.path={out}"),
        *("--data.init_args.loading.batch_size=3", "--data.init_args.loading.max_frames=20"),
    ]
    for stage, more in (
        ("tokenizer", ["--model.bits=8", "--model.scale_count=4"]),
        ("ar", [f"--model.tokenizer={tmp_path / 'tokenizer' / 'model'}"]),
    ):
        assert main([stage, "fit", *TINY[stage], *common, *more, f"--run={tmp_path / stage}"]) == 0
    model = TextToMotion.from_pretrained(tmp_path / "ar" / "model")
    assert model.facts.licence == "CC0"
    assert model.generate("a person does walk", seconds=1, seed=0).skeleton == get_skeleton("humanml3d")
