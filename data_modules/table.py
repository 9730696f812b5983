"""The captions table: one line of a CSV file for each caption of each clip."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scalemogen.data_modules.store import Quarantined
from scalemogen.errors import UserError

COLUMNS = ("clip", "file", "split", "caption")
"""Columns that the table must have; all others become attributes of the clip."""


@dataclass(frozen=True)
class Entry:
    """What a table, or a generator, says of one clip.

    Attributes:
        clip: identifier.
        file: name of the motion file, relative to the source; blank for a generated clip.
        split: name of the split.
        captions: in the order of the table, blank ones included.
        attributes: plain JSON values; from a table its further columns, of the clip's first line.
    """

    clip: str
    file: str
    split: str
    captions: tuple[str, ...]
    attributes: Mapping[str, Any]


def read_table(path: str | Path) -> tuple[list[Entry], list[Quarantined]]:
    """Read a captions table.

    Returns:
        The usable clips in the order of their first lines, and those set aside: without id, file or split, in two
        splits, or one id for two files.

    Raises:
        UserError: the table cannot be read, is not UTF-8, or lacks a column.
    """
    path = Path(path)
    grouped: dict[str, list[dict[str, str]]] = {}
    faults: list[Quarantined] = []
    for number, line in enumerate(_read_lines(path), start=2):
        if not line["clip"]:
            faults.append(Quarantined(f"{path.name} line {number}", "no id"))
        else:
            grouped.setdefault(line["clip"], []).append(line)
    entries = []
    for clip, lines in grouped.items():
        if fault := _fault(lines):
            faults.append(Quarantined(clip, *fault))
            continue
        first = lines[0]
        attributes = {name: value for name, value in first.items() if name not in COLUMNS and value}
        entries.append(Entry(clip, first["file"], first["split"], tuple(line["caption"] for line in lines), attributes))
    return entries, faults


def _fault(lines: list[dict[str, str]]) -> tuple[str, str] | None:
    for column, one, several in (("split", "no split", "in two splits"), ("file", "no file", "duplicate id")):
        values = sorted({line[column] for line in lines})
        if not all(values):
            return one, f"the column {column!r} is blank"
        if len(values) > 1:
            return several, ", ".join(values)
    return None


def _read_lines(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, restval="")
            names = [name.strip() for name in reader.fieldnames or []]
            missing = [column for column in COLUMNS if column not in names]
            if missing:
                raise UserError(
                    f"{path}: no column {', '.join(map(repr, missing))}; found {', '.join(names) or 'an empty file'};"
                    f" needed {', '.join(COLUMNS)}"
                )
            reader.fieldnames = names
            return [{name: (line[name] or "").strip() for name in names} for line in reader]
    except FileNotFoundError:
        raise UserError(f"{path}: no such captions table") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 (byte {error.start}); save the table as UTF-8") from error
    except (OSError, csv.Error) as error:
        raise UserError(f"{path}: cannot be read ({error})") from error
