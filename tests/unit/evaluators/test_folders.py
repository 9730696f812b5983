"""Evaluators on disk: round trips, every damage named in one line, and finding the one for a data set."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from helpers.evaluators import SIZES, make_evaluator, make_facts
from helpers.models import make_model
from scalemogen.checkpoints import (
    CHECKPOINT_KEY,
    OF_THE_FILES,
    describe_evaluator,
    find_tokenizer,
    load_model,
    save_evaluator,
    text_settings,
)
from scalemogen.errors import UserError
from scalemogen.evaluation import find_evaluator, load_evaluator
from scalemogen.evaluators import ContrastiveEvaluator


def save(evaluator: ContrastiveEvaluator, folder: Path) -> Path:
    save_evaluator(
        folder, facts=evaluator.facts, arguments=SIZES, state=evaluator.network.state_dict(), text=evaluator.text
    )
    return folder


def write_checkpoint(evaluator: ContrastiveEvaluator, path: Path) -> Path:
    held = describe_evaluator(facts=evaluator.facts, evaluator=SIZES) | {"text": text_settings(evaluator.text)}
    state = {f"network.{name}": value for name, value in evaluator.network.state_dict().items()}
    state |= {f"text_encoder.{name}": value for name, value in evaluator.text.state_dict().items()}
    torch.save({CHECKPOINT_KEY: held, "state_dict": state, "global_step": 7, "epoch": 3}, path)
    return path


def test_a_folder_and_a_checkpoint_give_the_evaluator_back(tmp_path: Path) -> None:
    evaluator = make_evaluator()
    features, lengths = torch.randn(2, 13, 263), torch.tensor([13, 7])
    for path in (save(evaluator, tmp_path / "model"), write_checkpoint(evaluator, tmp_path / "last.ckpt")):
        loaded = load_evaluator(path)
        assert not loaded.training
        assert loaded.digest == evaluator.digest
        assert torch.equal(
            loaded.embed_motions(features, lengths).matching, evaluator.embed_motions(features, lengths).matching
        )
        assert torch.equal(loaded.embed_texts(["someone waves"]), evaluator.embed_texts(["someone waves"]))


def edit(folder: Path, **changes: Any) -> None:
    """Change model.json, and take the digests out, as in folders of older versions."""
    path = folder / "model.json"
    content = {key: value for key, value in json.loads(path.read_text()).items() if key not in OF_THE_FILES}
    path.write_text(json.dumps({**content, **changes}))


DAMAGES: dict[str, tuple[Callable[[Path], Any], str]] = {
    "missing weights": (lambda f: (f / "evaluator.safetensors").unlink(), r"cannot read .*evaluator\.safetensors"),
    "missing description": (lambda f: (f / "model.json").unlink(), "is no model folder"),
    "text encoder": (lambda f: (f / "text" / "encoder.json").unlink(), r"text/encoder\.json"),
    "no facts": (lambda f: edit(f, facts=None), "is damaged: TypeError"),
    "unknown argument": (lambda f: edit(f, evaluator={"colour": 1}), "does not fit: .*colour"),
    "another size": (lambda f: edit(f, evaluator={**SIZES, "embedding": 13}), "this model has"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damages_are_named(damage: str, tmp_path: Path) -> None:
    folder = save(make_evaluator(), tmp_path / "model")
    spoil, message = DAMAGES[damage]
    spoil(folder)
    with pytest.raises(UserError, match=message) as raised:
        load_evaluator(folder)
    assert str(folder) in str(raised.value)


def test_models_and_evaluators_are_not_taken_for_each_other(tmp_path: Path) -> None:
    evaluator = save(make_evaluator(), tmp_path / "evaluator")
    checkpoint = write_checkpoint(make_evaluator(), tmp_path / "last.ckpt")
    for path in (evaluator, checkpoint):
        with pytest.raises(UserError, match="describes an evaluator; a tokenizer or a text-to-motion model is needed"):
            load_model(path)
    with pytest.raises(UserError, match="holds a model of stage ar; an evaluator is needed"):
        load_evaluator(make_model(tmp_path / "model"))
    with pytest.raises(UserError, match="nowhere: no such evaluator"):
        load_evaluator(tmp_path / "nowhere")


def test_the_newest_evaluator_of_the_same_data_is_found(tmp_path: Path) -> None:
    names = ("old", "new", "other")
    for age, name in enumerate(names):
        facts = {"name": "other data"} if name == "other" else {}
        folder = save(make_evaluator(**facts), tmp_path / name / "model")
        os.utime(folder / "model.json", (1e9 + age, 1e9 + age))
    assert find_evaluator(tmp_path, make_facts()) == tmp_path / "new" / "model"
    assert find_evaluator(tmp_path, make_facts(fps=30.0)) is None
    assert find_tokenizer(tmp_path, make_facts()) is None
