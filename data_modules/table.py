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

BYTES_KEPT = "surrogateescape"
"""Error handler for reading texts: one caption in another encoding does not spoil the others."""

NOT_UTF8 = "text not UTF-8"


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
        The usable clips in the order of their first lines, and what is set aside: lines that are not UTF-8, and clips
        without id, file or split, in two splits, or with one id for two files.

    Raises:
        UserError: the table cannot be read, lacks a column, or has one whose name is not UTF-8.
    """
    path = Path(path)
    grouped: dict[str, list[dict[str, str]]] = {}
    faults: list[Quarantined] = []
    for number, line in _read_lines(path):
        if odd := [column for column, value in line.items() if not is_text(value)]:
            clip = line["clip"] if "clip" not in odd else ""
            told = f"{path.name} line {number}"
            faults.append(Quarantined(clip or told, NOT_UTF8, f"{told}, {', '.join(odd)}; the line is left out"))
        elif not line["clip"]:
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


def is_text(value: str) -> bool:
    """Return whether a text that was read with the error handler `BYTES_KEPT` held UTF-8 and nothing else."""
    return value.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in value)


def _read_lines(path: Path) -> list[tuple[int, dict[str, str]]]:
    """Return the lines of a table with their numbers in the file; bytes that are no UTF-8 stay in them."""
    try:
        with path.open(encoding="utf-8-sig", errors=BYTES_KEPT, newline="") as file:
            reader = csv.DictReader(file, restval="")
            names = [name.strip() for name in reader.fieldnames or []]
            missing = [column for column in COLUMNS if column not in names]
            if missing:
                raise UserError(
                    f"{path}: no column {', '.join(map(repr, missing))}; found {', '.join(names) or 'an empty file'};"
                    f" needed {', '.join(COLUMNS)}"
                )
            if odd := [name for name in names if not is_text(name)]:
                raise UserError(f"{path}: the name of column {odd[0]!a} is not UTF-8; save the table as UTF-8")
            reader.fieldnames = names
            return [(reader.line_num, {name: (line[name] or "").strip() for name in names}) for line in reader]
    except FileNotFoundError:
        raise UserError(f"{path}: no such captions table") from None
    except (OSError, csv.Error) as error:
        raise UserError(f"{path}: cannot be read as a table in UTF-8 ({error})") from error
