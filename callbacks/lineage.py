"""Data, models and results as W&B artifacts: what a run stands on, and what came out of it.

An artifact is named after what it is and where it comes from, its version after its content alone. So the model that
one run leaves is the one that another uses, whichever of them reaches the server first. Nothing here waits for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import wandb

from scalemogen.checkpoints import DESCRIPTION, read_description
from scalemogen.data_modules import MotionStore
from scalemogen.data_modules.store import DESCRIPTION as STORE_DESCRIPTION

Run = Any
"""A W&B run, which has no one type: one that is switched off is another object."""


def data_artifact(store: MotionStore) -> wandb.Artifact:
    """Return a store as an artifact: its description, which holds the digests of all its clips, and not the clips."""
    facts = store.facts
    about = {"path": str(store.path.absolute()), "splits": dict(facts.digests), "licence": facts.licence}
    artifact = _new(f"data-{facts.name}", "dataset", {**about, "clips": len(store), "frames": int(store.lengths.sum())})
    artifact.add_file(str(store.path / STORE_DESCRIPTION), policy="immutable", skip_cache=True)
    return artifact


def model_artifact(path: str | Path) -> wandb.Artifact:
    """Return a model folder as an artifact with its files, or a checkpoint as one that refers to the file.

    Raises:
        UserError: a model folder that is damaged.
    """
    path = Path(path).absolute()
    if path.is_file():
        artifact = _new(f"checkpoint-{path.parent.parent.name}", "checkpoint", {"path": str(path)})
        artifact.add_reference(path.as_uri())
        return artifact
    description = read_description(path)
    facts = description["facts"]
    about = {name: description.get(name) for name in ("stage", "digest", "provenance")}
    artifact = _new(f"{about['stage']}-{facts['name']}", "model", {**about, "splits": facts["digests"]})
    artifact.add_dir(str(path), policy="immutable", skip_cache=True)
    return artifact


def result_artifact(files: Iterable[Path], data: str) -> wandb.Artifact:
    """Return the files of an evaluation on `data` as an artifact."""
    artifact = _new(f"evaluation-{data}", "evaluation", {})
    for path in files:
        artifact.add_file(str(path), policy="immutable", skip_cache=True)
    return artifact


def is_model_folder(path: str | Path) -> bool:
    """Tell whether there is a model folder."""
    return (Path(path) / DESCRIPTION).is_file()


def record(run: Run, artifact: wandb.Artifact, used: bool = False) -> None:
    """Write into a run's log that it has made, or has `used`, an artifact; uploaded when the server can be reached.

    `Run.use_artifact` refuses to work offline, and `Run.log_artifact` asks the server first, however long that takes.
    """
    interface = getattr(run, "_interface", None)  # a run that is switched off has none
    if interface is None:
        return
    artifact.finalize()
    interface.publish_artifact(run, artifact, ["latest"], is_user_created=True, use_after_commit=used)


def _new(name: str, kind: str, metadata: dict[str, Any]) -> wandb.Artifact:
    return wandb.Artifact(re.sub(r"[^\w.-]+", "-", name)[:128], kind, metadata=metadata)
