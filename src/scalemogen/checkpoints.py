"""Model folders: weights with constructor arguments, specification and data facts; strict loading, no pickles.

    model.json               format, stage, spec, facts, constructor arguments, sampling defaults, provenance
    tokenizer.safetensors    stage 1
    ar.safetensors, text/    stage 2, when the folder holds both
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from scalemogen.ar import NextScaleTransformer
from scalemogen.contracts import DataFacts, TokenSpec
from scalemogen.errors import UserError
from scalemogen.files import atomic_path
from scalemogen.text import TextEncoder, load_text_encoder
from scalemogen.tokenizer import MotionTokenizer

FORMAT = 1
DESCRIPTION = "model.json"


@dataclass(frozen=True)
class Bundle:
    """A loaded model folder, in evaluation mode.

    Attributes:
        facts: of the training data.
        spec: token specification, equal for both stages.
        tokenizer: stage 1.
        ar: stage 2, None in a folder that holds the tokenizer alone.
        text: text encoder of stage 2.
        sampling: default guidance and temperature.
        description: the whole of model.json.
    """

    facts: DataFacts
    spec: TokenSpec
    tokenizer: MotionTokenizer
    ar: NextScaleTransformer | None
    text: TextEncoder | None
    sampling: dict[str, float]
    description: dict[str, Any]


def save_folder(
    folder: str | Path,
    *,
    facts: DataFacts,
    spec: TokenSpec,
    tokenizer_arguments: Mapping[str, Any],
    tokenizer_state: Mapping[str, Tensor],
    ar_arguments: Mapping[str, Any] | None = None,
    ar_state: Mapping[str, Tensor] | None = None,
    text: TextEncoder | None = None,
    sampling: Mapping[str, float] | None = None,
    provenance: Mapping[str, Any] | None = None,
) -> None:
    """Write a self-contained model folder, whole or not at all.

    Raises:
        UserError: the folder cannot be written.
    """
    description = {
        "format": FORMAT,
        "stage": "tokenizer" if ar_state is None else "ar",
        "spec": spec.to_dict(),
        "facts": facts.to_dict(),
        "tokenizer": dict(tokenizer_arguments),
        "ar": None if ar_arguments is None else dict(ar_arguments),
        "sampling": dict(sampling or {}),
        "provenance": dict(provenance or {}),
    }
    with atomic_path(folder) as temporary:
        temporary.mkdir()
        _save_state(tokenizer_state, temporary / "tokenizer.safetensors")
        if ar_state is not None:
            _save_state(ar_state, temporary / "ar.safetensors")
        if text is not None:
            text.save(temporary / "text")
        (temporary / DESCRIPTION).write_text(json.dumps(description, indent=1))


def _save_state(state: Mapping[str, Tensor], path: Path) -> None:
    save_file({name: tensor.detach().cpu().contiguous().clone() for name, tensor in state.items()}, path)


def read_description(folder: str | Path) -> dict[str, Any]:
    """Read model.json.

    Raises:
        UserError: no model folder there, or one of another format.
    """
    path = Path(folder) / DESCRIPTION
    if not path.is_file():
        raise UserError(f"{folder} is no model folder: it has no {DESCRIPTION}")
    try:
        description: dict[str, Any] = json.loads(path.read_text())
        found = description["format"]
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError) as error:
        raise UserError(f"{path} is not a model description: {error}") from error
    if found != FORMAT:
        raise UserError(f"{path} has format {found}; this version reads {FORMAT}")
    return description


def load_folder(folder: str | Path) -> Bundle:
    """Load a model folder strictly.

    Raises:
        UserError: a missing, damaged or foreign file, named.
    """
    folder = Path(folder)
    description = read_description(folder)
    try:
        facts = DataFacts.from_dict(description["facts"])
        spec = TokenSpec.from_dict(description["spec"])
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{folder / DESCRIPTION} is damaged: {error}") from error
    tokenizer = MotionTokenizer(spec, facts.skeleton, **description["tokenizer"])
    load_strictly(tokenizer, read_state(folder / "tokenizer.safetensors"), folder / "tokenizer.safetensors")
    ar, text = None, None
    if description["ar"] is not None:
        text = load_text_encoder(folder / "text")
        ar = NextScaleTransformer(spec, **description["ar"])
        load_strictly(ar, read_state(folder / "ar.safetensors"), folder / "ar.safetensors")
        ar.eval()
        text.eval()
    return Bundle(facts, spec, tokenizer.eval(), ar, text, description["sampling"], description)


def read_state(path: Path) -> dict[str, Tensor]:
    """Read a safetensors file.

    Raises:
        UserError: missing or damaged.
    """
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise UserError(f"cannot read {path}: {error}") from error


def load_strictly(module: nn.Module, state: Mapping[str, Tensor], source: str | Path) -> None:
    """Load a state whose keys and shapes must be the module's own.

    Raises:
        UserError: naming the first key that is missing, unknown, of another shape, or not finite.
    """
    own = module.state_dict()
    for problem, keys in (("lacks", own.keys() - state.keys()), ("has an unknown", state.keys() - own.keys())):
        if keys:
            raise UserError(f"{source} {problem} tensor {min(keys)!r}")
    for name, tensor in state.items():
        if tensor.shape != own[name].shape:
            raise UserError(f"{source}: {name} is {tuple(tensor.shape)}; this model has {tuple(own[name].shape)}")
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise UserError(f"{source}: {name} is not finite")
    module.load_state_dict(state)


def find_tokenizer(root: str | Path, facts: DataFacts) -> Path | None:
    """Return the newest model folder below `root` whose tokenizer was trained on this data, or None."""
    candidates = sorted(Path(root).glob(f"*/model/{DESCRIPTION}"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in candidates:
        description = read_description(path.parent)
        if description["stage"] == "tokenizer" and DataFacts.from_dict(description["facts"]).digest == facts.digest:
            return path.parent
    return None
