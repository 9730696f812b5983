"""Motions to the bytes of a file, by the writers that `Motion.save` knows."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import scalemogen.export  # registers its formats
from scalemogen.files import lock
from scalemogen.motion import Motion
from scalemogen.motion.record import WRITERS

PREFIX = "scalemogen-serve-"
LOCK = "lock"
MEDIA = {
    "bvh": "text/plain; charset=utf-8",
    "csv": "text/csv; charset=utf-8",
    "gif": "image/gif",
    "glb": "model/gltf-binary",
    "html": "text/html; charset=utf-8",
    "mp4": "video/mp4",
}


class TooMany(Exception):
    """As many files are waited for as may."""


def formats() -> tuple[str, ...]:
    """Return the suffixes, without their dots, that a motion can be written with."""
    ours = tuple(scalemogen.export.FORMATS)
    return tuple(suffix.removeprefix(".") for suffix in (*ours, *sorted(set(WRITERS) - set(ours))))


def media_type(suffix: str) -> str:
    """Return the media type of a format."""
    return MEDIA.get(suffix, "application/octet-stream")


class Scratch:
    """A folder of this process alone, for files on their way; what killed processes left is removed.

    Its owner holds a lock on it, which the system gives up when the process ends, however it ends.
    """

    def __init__(self) -> None:
        _remove_leftovers(Path(tempfile.gettempdir()))
        self.folder = Path(tempfile.mkdtemp(prefix=PREFIX))
        self._lock: IO[str] = (self.folder / LOCK).open("w")
        lock(self._lock.fileno(), self.folder)

    def close(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self._lock.close()


class FileDesk:
    """Writes files, one at a time.

    Args:
        folder: where files stand for as long as it takes to send them.
        waiting: turns that may be waited for.
    """

    def __init__(self, folder: Path, waiting: int) -> None:
        self._folder = folder
        self._places = threading.BoundedSemaphore(waiting)
        self._pen = threading.Lock()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait until nobody else is at it.

        Raises:
            TooMany: too many wait already.
        """
        if not self._places.acquire(blocking=False):
            raise TooMany
        try:
            with self._pen:
                yield
        finally:
            self._places.release()

    def write(self, motion: Motion, suffix: str) -> bytes:
        """Return a motion as the bytes of a file.

        Args:
            motion: any.
            suffix: one of `formats()`.

        Raises:
            TooMany: too many files are waited for.
            UserError: the disk is full.
        """
        with self.turn(), tempfile.TemporaryDirectory(dir=self._folder) as folder:
            return motion.save(Path(folder) / f"motion.{suffix}").read_bytes()


def _remove_leftovers(parent: Path) -> None:
    """Remove folders of ours whose lock nobody holds."""
    for folder in parent.glob(f"{PREFIX}*"):
        try:
            if folder.is_symlink() or folder.stat().st_uid != os.getuid():
                continue
            with (folder / LOCK).open() as held:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
        except OSError:  # in use, or gone meanwhile
            continue
