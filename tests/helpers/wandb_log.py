"""Reading back what W&B has written to disk: the log that `wandb sync` uploads.

The format is LevelDB's: blocks of 32 KiB with pieces of records, each after 7 bytes of checksum, length and kind.
Before the first one are 7 bytes of W&B's own.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from wandb.proto.wandb_internal_pb2 import Record

BLOCK, HEADER, LAST = 32768, 7, (1, 4)


def records(folder: Path) -> Iterator[Any]:
    """Yield the records of the run that was last logged in `folder`."""
    path = max(folder.glob("wandb/*run-*/*.wandb"), key=lambda path: path.stat().st_mtime)
    data = path.read_bytes()
    assert data[:4] == b":W&B"
    position, whole = HEADER, b""
    while position + HEADER < len(data):
        if BLOCK - position % BLOCK < HEADER:
            position += BLOCK - position % BLOCK
            continue
        length, kind = struct.unpack("<HB", data[position + 4 : position + HEADER])
        position += HEADER + length
        whole += data[position - length : position]
        if kind in LAST:
            yield Record.FromString(whole)
            whole = b""


class Log:
    """What a run has logged.

    Attributes:
        run: name, group, job type, ...
        config: the configuration at the end.
        history: one dictionary for each entry.
        summary: at the end.
        artifacts: in their order.
        status: exit status of the run, None where it was not finished.
    """

    def __init__(self, folder: Path) -> None:
        self.run: Any = None
        self.config: dict[str, Any] = {}
        self.history: list[dict[str, Any]] = []
        self.summary: dict[str, Any] = {}
        self.artifacts: list[Any] = []
        self.status: int | None = None
        for record in records(folder):
            kind = record.WhichOneof("record_type")
            if kind == "run":
                self.run = record.run
                self.config |= _values(record.run.config.update)
            elif kind == "config":
                self.config |= _values(record.config.update)
            elif kind == "history":
                self.history.append(_values(record.history.item))
            elif kind == "summary":
                self.summary |= _values(record.summary.update)
            elif kind == "artifact":
                self.artifacts.append(record.artifact)
            elif kind == "exit":
                self.status = record.exit.exit_code


def _values(items: Any) -> dict[str, Any]:
    return {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in items}
