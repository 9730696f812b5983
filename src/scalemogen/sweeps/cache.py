"""Doing each thing once: digests of what a piece of work depends on, and folders of work that is done."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from scalemogen import __version__
from scalemogen.errors import UserError
from scalemogen.files import atomic_path, digest_json, lock, parse_json, parse_yaml

DONE = "done.json"
DESCRIPTIONS = ("model.json", "store.json")
"""Files that say what a folder holds, digests included: of model folders and of motion stores."""


def digest_words(words: Sequence[str], *upstream: str) -> str:
    """Return a digest of the words of a command, of this package's version and of the files that the words name.

    A YAML file counts by its content, and so does a model folder or a motion store by its description; comments and
    places of files do not count.

    Args:
        words: as on the command line.
        upstream: digests of work whose result this command takes.
    """
    return digest_json([__version__, [_meaning(word) for word in words], list(upstream)])


def _meaning(word: str) -> Any:
    key, _, value = word.rpartition("=")
    path = Path(value)
    with suppress(OSError, ValueError):  # else the word stands for itself
        if path.suffix in (".yaml", ".yml") and path.is_file():
            return [key, json.loads(json.dumps(parse_yaml(path.read_text(encoding="utf-8")), default=str))]
        for name in DESCRIPTIONS:
            if (path / name).is_file():
                return [key, parse_json((path / name).read_text(encoding="utf-8"))]
    return word


def once(folder: Path, work: Callable[[Path], dict[str, Any]]) -> tuple[dict[str, Any], bool]:
    """Return what `work(folder)` returned when it was first done; other processes wait for the one that is at it.

    Work that fails or is killed leaves its folder and is called again, so it can go on from what it finds there.

    Args:
        folder: named after everything that the work depends on.
        work: returns JSON-able facts about what it made.

    Returns:
        The facts, and whether they were there before.

    Raises:
        UserError: the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        held = folder.with_name(f".{folder.name}.lock").open("w")
    except OSError as error:
        raise UserError(f"cannot write {folder}: {error.strerror or error}") from error
    with closing(held):
        lock(held.fileno(), folder)
        kept = _read(folder / DONE)
        if kept is not None:
            return kept, True
        facts = work(folder)
        with atomic_path(folder / DONE) as temporary:
            temporary.write_text(json.dumps(facts, indent=1))
        return facts, False


def _read(path: Path) -> dict[str, Any] | None:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None
