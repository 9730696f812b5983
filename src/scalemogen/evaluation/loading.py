"""Evaluators on disk: our own by folder or checkpoint, the official ones by their authors' files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from scalemogen.checkpoints import (
    CHECKPOINT_KEY,
    find_trained,
    held_text_encoder,
    read_checkpoint,
    read_description,
    require_files,
)
from scalemogen.contracts import DataFacts
from scalemogen.errors import UserError
from scalemogen.evaluators import OFFICIAL, ContrastiveEvaluator, ContrastiveNetwork, Evaluator
from scalemogen.text import TextEncoder, load_text_encoder
from scalemogen.weights import checked_arguments, load_strictly, read_state, require_room, require_state, under


def load_evaluator(source: str | Path) -> Evaluator:
    """Load an evaluator, in evaluation mode.

    Args:
        source: a model folder or checkpoint of the stage "evaluator"; or "NAME:FOLDER", an official one (see
            `evaluators.OFFICIAL`) and the folder of its files.

    Raises:
        UserError: nothing there, a missing, damaged or foreign file, or a model that is no evaluator.
    """
    name, separator, file = str(source).partition(":")
    if separator and name in OFFICIAL:
        return OFFICIAL[name](Path(file)).eval()
    path = Path(source)
    if path.is_file():
        checkpoint = read_checkpoint(path, "evaluator")
        held, state = checkpoint[CHECKPOINT_KEY], require_state(checkpoint.get("state_dict", {}), path)
        text = held_text_encoder(held.get("text", {}), state, path)
        return _evaluator(held, under("network.", state), text, path)
    if not path.is_dir():
        choices = "".join(f", {known}:FOLDER" for known in OFFICIAL)
        raise UserError(f"{path}: no such evaluator; give a model folder or checkpoint of one{choices}")
    description = read_description(path)
    if description.get("stage") != "evaluator":
        raise UserError(f"{path} holds a model of stage {description.get('stage')}; an evaluator is needed")
    require_files(path, description)
    state = read_state(path / "evaluator.safetensors")
    return _evaluator(description, state, load_text_encoder(path / "text"), path)


def _evaluator(
    description: Mapping[str, Any], state: Mapping[str, Tensor], text: TextEncoder, source: Path
) -> Evaluator:
    try:
        facts = DataFacts.from_dict(description["facts"])
        own = checked_arguments(ContrastiveNetwork, description["evaluator"], source, "features", "text_width")
        sizes = {"features": len(facts.mean), "text_width": text.width, **own}
        require_room(sizes, sum(tensor.numel() for tensor in state.values()), source)
        network = ContrastiveNetwork(**sizes)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UserError(f"{source} is damaged: {type(error).__name__} {error}") from error
    load_strictly(network, state, source)
    return ContrastiveEvaluator(facts, network, text).eval()


def find_evaluator(root: str | Path, facts: DataFacts) -> Path | None:
    """Return the newest model folder below `root` whose evaluator was trained on this data, or None.

    Folders that cannot be read are passed over, with a warning.
    """
    return find_trained(root, facts, "evaluator")
