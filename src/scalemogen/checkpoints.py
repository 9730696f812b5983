"""Trained models on disk: weights with constructor arguments, specification and data facts; strict loading.

A model folder is what training leaves for use. Nothing in it is executed.

    model.json               format, stage, spec, facts, constructor arguments, sampling defaults, provenance
    tokenizer.safetensors    stage 1
    ar.safetensors, text/    stage 2, when the folder holds both

The folder of an evaluator has a model.json without spec, evaluator.safetensors and text/.

model.json also holds the digest of every other file, under "files", and the digest of its own content, under "digest".
They are compared on load; folders of older versions, which have none, load without. Who edits model.json by hand, takes
the entry "digest" out of it.

A checkpoint is what training resumes from: a file of the trainer with the content of model.json under the key
"scalemogen", beside it the tokenizer's weights and the text encoder's settings where it is one of stage 2. It is read
without executing pickled code.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import ConfigDict, TypeAdapter
from torch import Tensor

from scalemogen.ar import NextScaleTransformer
from scalemogen.contracts import DataFacts, TokenSpec
from scalemogen.errors import UserError
from scalemogen.files import atomic_path, digest_file, digest_json, parse_json, zip_fault
from scalemogen.text import TextEncoder, build_text_encoder, load_encoder, load_text_encoder
from scalemogen.tokenizer import MotionTokenizer
from scalemogen.weights import (
    checked_arguments,
    count_stored,
    load_strictly,
    read_state,
    require_room,
    require_state,
    save_state,
    under,
)

FORMAT = 1
DESCRIPTION = "model.json"
CHECKPOINT_KEY = "scalemogen"
PARTS = ("tokenizer", "ar")
OF_THE_FILES = ("files", "digest")
"""Entries of model.json that are not of the model."""
_SAMPLING = TypeAdapter(dict[str, float], config=ConfigDict(strict=True, allow_inf_nan=False))

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Bundle:
    """A loaded model, in evaluation mode.

    Attributes:
        facts: of the training data.
        spec: token specification, equal for both stages.
        tokenizer: stage 1.
        ar: stage 2, None where there is the tokenizer alone.
        text: text encoder of stage 2.
        sampling: default guidance and temperature.
        description: the content of model.json.
    """

    facts: DataFacts
    spec: TokenSpec
    tokenizer: MotionTokenizer
    ar: NextScaleTransformer | None
    text: TextEncoder | None
    sampling: dict[str, float]
    description: dict[str, Any]


def describe(
    *,
    facts: DataFacts,
    spec: TokenSpec,
    tokenizer: Mapping[str, Any],
    ar: Mapping[str, Any] | None = None,
    sampling: Mapping[str, float] | None = None,
    provenance: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the content of model.json; `tokenizer` and `ar` are constructor arguments."""
    return {
        "format": FORMAT,
        "stage": "tokenizer" if ar is None else "ar",
        "spec": spec.to_dict(),
        "facts": facts.to_dict(),
        "tokenizer": dict(tokenizer),
        "ar": None if ar is None else dict(ar),
        "sampling": dict(sampling or {}),
        "provenance": dict(provenance or {}),
    }


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
    description = describe(
        facts=facts,
        spec=spec,
        tokenizer=tokenizer_arguments,
        ar=ar_arguments,
        sampling=sampling,
        provenance=provenance,
    )
    with atomic_path(folder) as temporary:
        temporary.mkdir()
        save_state(tokenizer_state, temporary / "tokenizer.safetensors")
        if ar_state is not None:
            save_state(ar_state, temporary / "ar.safetensors")
        if text is not None:
            text.save(temporary / "text")
        _write_description(temporary, description)


def _write_description(folder: Path, description: Mapping[str, Any]) -> None:
    """Write model.json, with the digests of all files that are in the folder."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    content = {**description, "files": {path.relative_to(folder).as_posix(): digest_file(path) for path in paths}}
    content["digest"] = digest_json(json.loads(json.dumps(content)))
    (folder / DESCRIPTION).write_text(json.dumps(content, indent=1))


def require_files(folder: Path, description: Mapping[str, Any]) -> None:
    """Refuse files of a model folder that are not those which its description was written with.

    Raises:
        UserError: naming the first file that is missing or has changed.
    """
    files = description.get("files", {})
    if not isinstance(files, dict):
        raise UserError(f"{folder / DESCRIPTION} is damaged: files is {files!r:.60}")
    for name, digest in files.items():
        try:
            found = digest_file(folder / name)
        except (OSError, ValueError) as error:
            raise UserError(f"cannot read {folder / name}: {error}") from error
        if found != digest:
            raise UserError(f"{folder / name} is damaged: its digest is {found}, {digest!r:.60} when it was written")


def describe_evaluator(
    *, facts: DataFacts, evaluator: Mapping[str, Any], provenance: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return the content of an evaluator's model.json; `evaluator` is the network's constructor arguments."""
    return {
        "format": FORMAT,
        "stage": "evaluator",
        "facts": facts.to_dict(),
        "evaluator": dict(evaluator),
        "provenance": dict(provenance or {}),
    }


def save_evaluator(
    folder: str | Path,
    *,
    facts: DataFacts,
    arguments: Mapping[str, Any],
    state: Mapping[str, Tensor],
    text: TextEncoder,
    provenance: Mapping[str, Any] | None = None,
) -> None:
    """Write the folder of an evaluator, whole or not at all.

    Raises:
        UserError: the folder cannot be written.
    """
    description = describe_evaluator(facts=facts, evaluator=arguments, provenance=provenance)
    with atomic_path(folder) as temporary:
        temporary.mkdir()
        save_state(state, temporary / "evaluator.safetensors")
        text.save(temporary / "text")
        _write_description(temporary, description)


def read_description(folder: str | Path) -> dict[str, Any]:
    """Read model.json.

    Raises:
        UserError: no model folder there, one of another format, or a file that has changed since it was written.
    """
    path = Path(folder) / DESCRIPTION
    if not path.is_file():
        raise UserError(f"{folder} is no model folder: it has no {DESCRIPTION}")
    try:
        description: dict[str, Any] = parse_json(path.read_bytes())
        found = description["format"]
    except (AttributeError, OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} is not a model description: {error}") from error
    if found != FORMAT:
        raise UserError(f"{path} has format {found!r:.60}; this version reads {FORMAT}")
    own = description_digest(description)
    digest = description.get("digest", own)
    if digest != own:
        raise UserError(
            f"{path} is damaged: its digest is {own}, {digest!r:.60} when it was written"
            " (if you have edited it, take the entry 'digest' out)"
        )
    return description


def description_digest(description: Mapping[str, Any]) -> str:
    """Return the digest of a model's description, its entry "digest" left out: what tells models apart."""
    return digest_json({key: value for key, value in description.items() if key != "digest"})


def read_checkpoint(path: str | Path, stage: str | None = None) -> dict[str, Any]:
    """Read a checkpoint of training, without executing what is pickled in it, once all its bytes are found sound.

    Args:
        path: the file.
        stage: "tokenizer", "ar" or "evaluator", if only that will do.

    Raises:
        UserError: a missing, damaged or foreign file, or one of another stage.
    """
    require_whole(path)
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from error
    except Exception as error:  # torch.load raises half a dozen kinds at files that are not its own
        raise UserError(f"{path} is damaged, or no checkpoint of this suite") from error
    require_stage(checkpoint, stage, path)
    return dict(checkpoint)


def require_whole(path: str | Path) -> None:
    """Refuse a checkpoint that is cut or whose bytes have changed: compares all records with their checksums.

    torch.save stores the checksums, torch.load does not look at them. Takes 0.04 s for 100 MB in the page cache, half
    of what a SHA-256 takes.

    Raises:
        UserError: missing or damaged.
    """
    try:
        fault = zip_fault(Path(path))
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from error
    if fault is not None:
        raise UserError(f"{path} is damaged, or no checkpoint of this suite: {fault}")


def is_whole(path: str | Path) -> bool:
    """Tell whether all bytes of a checkpoint are as they were written; see `require_whole`."""
    try:
        require_whole(path)
    except UserError:
        return False
    return True


def require_stage(checkpoint: object, stage: str | None, source: str | Path) -> None:
    """Refuse what is no checkpoint of this suite, of this format and (unless None) of this stage.

    Raises:
        UserError: naming what the file holds.
    """
    held = checkpoint.get(CHECKPOINT_KEY) if isinstance(checkpoint, dict) else None
    if not isinstance(held, dict) or "format" not in held:
        raise UserError(f"{source} is no checkpoint of this suite")
    if held["format"] != FORMAT:
        raise UserError(f"{source} has format {held['format']!r:.60}; this version reads {FORMAT}")
    if stage not in (None, held.get("stage")):
        raise UserError(f"{source} is a checkpoint of stage {held.get('stage')!s:.60}; stage {stage} was asked for")


def load_model(path: str | Path) -> Bundle:
    """Load a model folder or a checkpoint.

    Raises:
        UserError: nothing there, or see `load_folder` and `load_checkpoint`.
    """
    path = Path(path)
    if path.is_file():
        return load_checkpoint(path)
    if not path.is_dir():
        raise UserError(f"{path}: no such model folder or checkpoint (a run's folder has model/ and checkpoints/)")
    if not (path / DESCRIPTION).is_file() and (path / "model" / DESCRIPTION).is_file():
        raise UserError(f"{path} is no model folder: it has no {DESCRIPTION}; did you mean {path / 'model'}?")
    return load_folder(path)


def load_folder(folder: str | Path) -> Bundle:
    """Load a model folder strictly.

    Raises:
        UserError: a missing, damaged or foreign file, named.
    """
    folder = Path(folder)
    description = read_description(folder)
    require_files(folder, description)
    stored = {part: count_stored(path) for part in PARTS if (path := folder / f"{part}.safetensors").is_file()}
    content = {key: value for key, value in description.items() if key not in OF_THE_FILES}
    bundle = _build(content, folder / DESCRIPTION, stored, lambda: load_text_encoder(folder / "text"))
    load_strictly(bundle.tokenizer, read_state(folder / "tokenizer.safetensors"), folder / "tokenizer.safetensors")
    if bundle.ar is not None:
        load_strictly(bundle.ar, read_state(folder / "ar.safetensors"), folder / "ar.safetensors")
    return bundle


def load_checkpoint(path: str | Path) -> Bundle:
    """Load a checkpoint of training as a model: the running average of the weights, where there is one.

    Raises:
        UserError: a missing, damaged or foreign file, or a frozen text encoder that is not there or not the same.
    """
    path = Path(path)
    checkpoint = read_checkpoint(path)
    held, state = checkpoint[CHECKPOINT_KEY], require_state(checkpoint.get("state_dict", {}), path)
    tokenizer = require_state(held.get("tokenizer_state", {}), path) or under("tokenizer.", state)
    stored = {"tokenizer": _count(tokenizer), "ar": _count(state)}
    provenance = {"checkpoint": path.name, "steps": checkpoint.get("global_step"), "epochs": checkpoint.get("epoch")}
    description = {key: value for key, value in held.items() if key not in ("text", "tokenizer_state")}
    description["provenance"] = provenance
    bundle = _build(description, path, stored, lambda: held_text_encoder(held.get("text", {}), state, path))
    load_strictly(bundle.tokenizer, tokenizer, path)
    if bundle.ar is not None:
        load_strictly(bundle.ar, under("transformer.", state), path)
    return bundle


def _count(state: Mapping[str, Tensor]) -> int:
    return sum(tensor.numel() for tensor in state.values())


def text_settings(encoder: TextEncoder) -> dict[str, Any]:
    """Return what a checkpoint needs to find a text encoder again, beside its weights where it is trained."""
    return {**encoder.config(), **({"digest": encoder.digest} if encoder.frozen else {})}


def held_text_encoder(settings: Mapping[str, Any], state: Mapping[str, Tensor], source: Path) -> TextEncoder:
    """Return the text encoder that a checkpoint holds, or names where it is frozen.

    Raises:
        UserError: it is not there, or not the same.
    """
    if not isinstance(settings, Mapping):
        raise UserError(f"{source} is damaged: text is {settings!r:.60}")
    config = dict(settings)
    digest = config.pop("digest", None)
    own = under("text_encoder.", state)
    encoder = build_text_encoder(config, lambda: _count(own), source)
    if not encoder.frozen:
        load_encoder(encoder, own, source)
    elif encoder.digest != digest:
        raise UserError(f"the text encoder of {source} had digest {digest}; the one found here has {encoder.digest}")
    return encoder


def _build(
    description: dict[str, Any], source: Path, stored: Mapping[str, int], make_text: Callable[[], TextEncoder]
) -> Bundle:
    """Return the networks of a description; but for the text encoder, their weights are still to come.

    Args:
        description: the content of model.json.
        source: the file it is from.
        stored: number of stored values of each network.
        make_text: loads the text encoder.
    """
    if description.get("stage") == "evaluator":
        raise UserError(f"{source} describes an evaluator; a tokenizer or a text-to-motion model is needed")
    ar, text = None, None
    try:
        facts = DataFacts.from_dict(description["facts"])
        spec = TokenSpec.from_dict(description["spec"])
        sampling = _SAMPLING.validate_python(description["sampling"])
        arguments = checked_arguments(MotionTokenizer, description["tokenizer"], source, "spec", "skeleton")
        require_room(arguments, stored.get("tokenizer", 0), source)
        tokenizer = MotionTokenizer(spec, facts.skeleton, **arguments)
        if description["ar"] is not None:
            wide = checked_arguments(NextScaleTransformer, description["ar"], source, "spec")
            require_room(wide, stored.get("ar", 0), source)
            ar = NextScaleTransformer(spec, **wide).eval()
    except UserError as error:
        if str(error).startswith(str(source)):
            raise
        raise UserError(f"{source}: {error}") from error
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UserError(f"{source} is damaged: {type(error).__name__} {error}") from error
    if ar is not None:
        text = make_text().eval()
    return Bundle(facts, spec, tokenizer.eval(), ar, text, sampling, description)


def find_tokenizer(root: str | Path, facts: DataFacts) -> Path | None:
    """Return the newest model folder below `root` whose tokenizer was trained on this data, or None.

    Folders that cannot be read are passed over, with a warning.
    """
    return find_trained(root, facts, "tokenizer")


def find_trained(root: str | Path, facts: DataFacts, stage: str) -> Path | None:
    """Return the newest model folder of a stage below `root` that was trained on this data, or None.

    Folders that cannot be read are passed over, with a warning.
    """
    candidates = sorted(Path(root).glob(f"*/model/{DESCRIPTION}"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in candidates:
        try:
            description = read_description(path.parent)
            fits = DataFacts.from_dict(description["facts"]).difference(facts) is None
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            _log.warning("%s is passed over: %s", path.parent, error)
            continue
        if fits and description["stage"] == stage:
            return path.parent
    return None
