"""Motion stores that commands are given: by their folder, or by the name of their data."""

from __future__ import annotations

from pathlib import Path

from scalemogen.contracts import DataFacts
from scalemogen.data_modules import MotionStore
from scalemogen.errors import UserError

STORES = Path("data")
"""Where stores lie that are given by name."""


def open_store(path: Path, facts: DataFacts) -> MotionStore:
    """Open a store whose features a model takes.

    Args:
        path: folder of the store, or a name; of several stores of a name, the one that the model was trained on.
        facts: of the model's training data.

    Raises:
        UserError: no store there; features of another layout, skeleton or frame rate.
    """
    store = find_store(path, facts)
    theirs = store.facts
    if theirs.skeleton.digest != facts.skeleton.digest or theirs.layout != facts.layout or theirs.fps != facts.fps:
        raise UserError(
            f"{store.path} holds {theirs.layout} features of skeleton {theirs.skeleton.name} at {theirs.fps:g} frames"
            f" per second; the model takes {facts.layout} features of skeleton {facts.skeleton.name} at {facts.fps:g}"
        )
    return store


def find_store(given: Path, facts: DataFacts | None = None) -> MotionStore:
    """Open the store in a folder, or that of a name: `data/NAME` or the one `data/NAME-...`.

    Args:
        given: what the user typed.
        facts: of a model's training data, which tells several stores of one name apart.

    Raises:
        UserError: no store, or several of the name.
    """
    if given.exists() or len(given.parts) != 1:
        return MotionStore.open(given)
    named = [path.parent for path in sorted(STORES.glob("*/store.json"))]
    found = [path for path in named if path.name == given.name] or [
        path for path in named if path.name.startswith(f"{given.name}-")
    ]
    if len(found) > 1 and facts is not None:
        found = [path for path in found if MotionStore.open(path).facts.digests == facts.digests] or found
    if len(found) == 1:
        return MotionStore.open(found[0])
    what = "several stores have" if found else "there is no folder and no store of"
    there = ", ".join(str(path) for path in found or named) or "none"
    raise UserError(f"'{given}': {what} this name; stores in {STORES}: {there}")
