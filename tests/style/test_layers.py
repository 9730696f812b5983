"""The rooms import only downwards (docs/architecture.md)."""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter

import pytest

from helpers.source import PACKAGE, Import, report, sources

LAYERS = (
    {"arrays", "contracts", "errors", "files", "pickles", "skeletons"},
    {
        "motion",
        "scales",
        "bsq",
        "text",
        "metrics.functional",
        "distributed",
        "machine",
        "synthetic",
        "weights",
        "repeated",
        "cleaning",
    },
    {"tokenizer", "ar", "evaluators", "metrics"},
    {"sampling", "checkpoints"},
    {
        "tasks",
        "data_modules",
        "callbacks",
        "cost",
        "editing",
        "pipeline",
        "export",
        "interop",
        "evaluation",
        "sweeps",
        "serving",
    },
    {"benchmarks"},
    {"cli"},
)
LEVEL = {room: level for level, rooms in enumerate(LAYERS) for room in rooms}
# The one door that opens upwards: `Motion.save` loads the writers when it first meets a suffix.
PLUGINS = {("motion/record.py", "export")}
FRONT = {"__init__", "__main__"}  # the names a user sees; they are above everything
TRAINERS = {"lightning", "pytorch_lightning", "wandb", "jsonargparse"}
MAY_TRAIN = {"tasks", "data_modules", "callbacks", "cli"}
ROOMS = [source for source in sources() if source.room not in FRONT]


def room_of(name: Import) -> str | None:
    """Return the room an import reaches into, None for other packages and for names of scalemogen itself."""
    if name.parts[0] != "scalemogen" or len(name.parts) < 2:
        return None
    if name.parts[1:3] == ["metrics", "functional"]:
        return "metrics.functional"
    return name.parts[1] if name.parts[1] in LEVEL else None


def edges() -> list[tuple[str, str, str]]:
    """Return (room, room it imports, place) for every import that crosses rooms."""
    found = []
    for source in ROOMS:
        for name in source.imports():
            target = room_of(name)
            if target is not None and target != source.room and (source.label, target) not in PLUGINS:
                found.append((source.room, target, f"{source.label}:{name.line}"))
    return found


def test_every_room_has_a_layer() -> None:
    folders = {path.name for path in PACKAGE.iterdir() if path.is_dir() and any(path.rglob("*.py"))}
    rooms = {source.room for source in ROOMS} | folders
    assert not (rooms - set(LEVEL) - {"__pycache__", "experiments"})


def test_imports_go_downwards() -> None:
    upward = [f"{place}: {room} imports {target}" for room, target, place in edges() if LEVEL[target] > LEVEL[room]]
    assert not upward, report(upward)


def test_rooms_of_one_layer_form_no_cycle() -> None:
    graph: dict[str, set[str]] = {}
    for room, target, _ in edges():
        graph.setdefault(room, set()).add(target)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"rooms import each other: {' <- '.join(error.args[1])}")


def test_the_stages_do_not_know_each_other() -> None:
    pairs = {("tokenizer", "ar"), ("ar", "tokenizer")}
    found = [f"{place}: {room} imports {target}" for room, target, place in edges() if (room, target) in pairs]
    assert not found, report(found)


def test_data_modules_know_only_the_two_lowest_layers() -> None:
    found = [
        f"{place}: data_modules imports {target}"
        for room, target, place in edges()
        if room == "data_modules" and LEVEL[target] > 1
    ]
    assert not found, report(found)


def test_trainers_stay_in_their_rooms() -> None:
    found = [
        f"{source.label}:{name.line}: {source.room} imports {name.name}"
        for source in sources()
        for name in source.imports()
        if name.parts[0] in TRAINERS and source.room not in MAY_TRAIN
    ]
    assert not found, report(found)


def test_lightning_has_one_name() -> None:
    found = [
        f"{source.label}:{name.line}: {name.name}"
        for source in sources()
        for name in source.imports()
        if name.parts[0] == "pytorch_lightning"
        or (name.parts[0] == "lightning" and name.parts[:2] != ["lightning", "pytorch"])
    ]
    assert not found, report(["import lightning only as lightning.pytorch:", *found])


def test_there_is_one_import_root() -> None:
    """`import data_modules` would make a second copy of every class; relative imports hide the layer."""
    found = [
        f"{source.label}:{name.line}: {name.name}"
        for source in sources()
        for name in source.imports()
        if not name.parts[0] or name.parts[0] in {"data_modules", "callbacks", "experiments", "benchmarks", "src"}
    ]
    assert not found, report(found)
