"""Data modules that build their store on first use."""

from __future__ import annotations

import fcntl
import os
from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scalemogen.data_modules.base import MotionDataModule
from scalemogen.data_modules.store import is_store
from scalemogen.errors import UserError


class BuiltDataModule(MotionDataModule):
    """Abstract data module whose store is built once and then found again.

    `path` must differ wherever the store's content would: it holds a digest of the options and sources.
    """

    @abstractmethod
    def build(self) -> None:
        """Write the store to `path`."""

    def prepare_data(self) -> None:
        """Build the store unless it is there; the other processes of a machine wait for the one that builds."""
        if is_store(self.path):
            return
        with _lock(self.path):
            if not is_store(self.path):
                self.build()


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    """Hold an exclusive lock that belongs to `path`, without creating `path`."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path.with_name(f".{path.name}.lock"), os.O_CREAT | os.O_RDWR, 0o666)
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
