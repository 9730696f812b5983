"""Both stages train on every published data set, from its files, by its recipe."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from helpers.published import write_humanml3d, write_snapmogen
from helpers.training import QUIET, TINY, recipe
from scalemogen.cli.main import main
from scalemogen.pipeline import TextToMotion

SOURCES: dict[str, Callable[[Path], Path]] = {
    "humanml3d": lambda folder: write_humanml3d(folder, {f"{i:06d}": 44 + i for i in range(6)}),
    "kit": lambda folder: write_humanml3d(folder, {f"{i:05d}": 24 + i for i in range(6)}, name="kit"),
    "snapmogen": lambda folder: write_snapmogen(
        folder, {"train": ["a#0#130", "b#0#128", "b#128#256"], "val": ["c#0#129"], "test": ["d#0#130"]}
    ),
}


@pytest.mark.parametrize("name", SOURCES)
def test_both_stages_train(name: str, tmp_path: Path) -> None:
    source = SOURCES[name](tmp_path / "source")
    common = [
        *("--trainer.accelerator=cpu", "--trainer.max_steps=2", "--trainer.check_val_every_n_epoch=1", *QUIET),
        *(f"--data.init_args.source={source}", f"--data.init_args.root={tmp_path / 'data'}"),
        *("--data.init_args.loading.workers=0", "--data.init_args.loading.batch_size=2"),
    ]
    for stage, more in (("tokenizer", []), ("ar", [f"--model.tokenizer={tmp_path / 'tokenizer' / 'model'}"])):
        arguments = ["--config", str(recipe(stage, name)), *TINY[stage], *common, *more]
        assert main([stage, "fit", *arguments, f"--run={tmp_path / stage}"]) == 0
    (store,) = (tmp_path / "data").glob(f"{name}-*/store.json")
    facts = json.loads(store.read_text())["facts"]
    model = TextToMotion.from_pretrained(tmp_path / "ar" / "model")
    assert (model.facts.licence, model.facts.citation) == (facts["licence"], facts["citation"])
    motion = model.generate("a person walks forward", seconds=2, seed=0)
    assert motion.skeleton.name == name
