"""Motion stores that a command uses together with a model."""

from __future__ import annotations

from pathlib import Path

from scalemogen.contracts import DataFacts
from scalemogen.data_modules import MotionStore
from scalemogen.errors import UserError


def open_store(path: Path, facts: DataFacts) -> MotionStore:
    """Open a store whose features a model takes.

    Args:
        path: folder of the store.
        facts: of the model's training data.

    Raises:
        UserError: no store there; features of another layout, skeleton or frame rate.
    """
    store = MotionStore.open(path)
    theirs = store.facts
    if theirs.skeleton.digest != facts.skeleton.digest or theirs.layout != facts.layout or theirs.fps != facts.fps:
        raise UserError(
            f"{path} holds {theirs.layout} features of skeleton {theirs.skeleton.name} at {theirs.fps:g} frames per"
            f" second; the model takes {facts.layout} features of skeleton {facts.skeleton.name} at {facts.fps:g}"
        )
    return store
