"""Clips that are known by the names of their files alone."""

from __future__ import annotations

import re
import string
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath

from scalemogen.data_modules.conversion import block_split
from scalemogen.data_modules.sources import MotionFiles
from scalemogen.data_modules.store import Quarantined
from scalemogen.data_modules.table import Entry
from scalemogen.errors import UserError

SPLIT = "split"
"""A field of this name is the split of the clip."""


@dataclass(frozen=True)
class FileNames:
    """What the names of files tell.

    Attributes:
        pattern: a form with fields ("{action}_{style}_{take}") or a regular expression with named groups
            ("(?P<action>[a-z]+)_.*"), for the whole name without folders and suffix; with a "/" in it, for the whole
            path. Fields become attributes. "" takes every file and tells nothing.
        caption: a sentence with fields of the pattern ("a person does {action}"); hyphens and underscores within a
            field become spaces. "" makes no captions.

    Raises:
        UserError: not a regular expression, a pattern without fields, or a sentence with a field that it lacks.
    """

    pattern: str = ""
    caption: str = ""

    def __post_init__(self) -> None:
        groups = self._expression.groupindex
        if self.pattern and not groups:
            raise UserError(
                f"pattern {self.pattern!r} has no field; write {{action}}_{{take}} or (?P<action>[a-z]+)_.*"
            )
        try:
            fields = [field for _, field, _, _ in string.Formatter().parse(self.caption) if field is not None]
        except ValueError as error:
            raise UserError(f"caption {self.caption!r}: {error}") from error
        unknown = [field for field in fields if field not in groups]
        if unknown:
            known = ", ".join(groups) or "none"
            raise UserError(f"caption {self.caption!r}: no field {', '.join(unknown)} in the pattern; it has {known}")

    @cached_property
    def _expression(self) -> re.Pattern[str]:
        expression = self.pattern if "(?P<" in self.pattern else _as_expression(self.pattern)
        try:
            return re.compile(expression)
        except re.error as error:
            raise UserError(f"pattern {self.pattern!r}: {error}") from error

    def entries(self, files: MotionFiles) -> tuple[list[Entry], list[Quarantined]]:
        """Return the clips of all files in order, and the files whose names do not match.

        Without a field "split", one file of every 20 is for validation and one for test.
        """
        entries: list[Entry] = []
        faults: list[Quarantined] = []
        for name in files.names:
            fields = self._fields(name)
            if fields is None:
                faults.append(Quarantined(name, "name does not match", self.pattern))
                continue
            split = fields.pop(SPLIT, "") or block_split(len(entries))
            words = {field: re.sub(r"[-_]+", " ", value) for field, value in {**fields, SPLIT: split}.items()}
            captions = (self.caption.format(**words),) if self.caption else ()
            entries.append(Entry(files.short_name(name), name, split, captions, fields))
        return entries, faults

    def _fields(self, name: str) -> dict[str, str] | None:
        if not self.pattern:
            return {}
        path = PurePosixPath(name)
        match = self._expression.fullmatch(str(path.with_suffix("")) if "/" in self.pattern else path.stem)
        return None if match is None else {field: value or "" for field, value in match.groupdict().items()}


def _as_expression(pattern: str) -> str:
    """Turn "{action}_{take}" into a regular expression."""
    try:
        parts = list(string.Formatter().parse(pattern))
    except ValueError as error:
        raise UserError(f"pattern {pattern!r}: {error}") from error
    names = [field for _, field, _, _ in parts if field is not None]
    odd = [name for name in names if not name.isidentifier() or names.count(name) > 1]
    if odd:
        raise UserError(f"pattern {pattern!r}: field {odd[0]!r} is no name, or is there twice")
    return "".join(re.escape(text) + (f"(?P<{field}>.+?)" if field is not None else "") for text, field, _, _ in parts)
