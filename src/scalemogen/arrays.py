"""Files of bytes and of numbers that are read piece by piece, and arrays of other people's files, all without pickle.

Nothing here is a memory map. A file that shrinks under a map ends the process by a signal (SIGBUS); one that shrinks
under `pread` gives fewer bytes than were asked for, which is an error like any other. The pages are those of the
operating system's cache in both cases, so that the processes of a machine share them.
"""

from __future__ import annotations

import math
import os
import re
import weakref
import zipfile
import zlib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from scalemogen.errors import UserError

MOST_BYTES = 1 << 30
"""Bytes that the arrays of one archive may have together; deflate packs a thousand times as much into a small file."""

_HEADER = re.compile(
    rb"\{'descr': '(?P<type>[<>|]?[?biufSU]\d{0,9})', 'fortran_order': (?P<order>False|True), "
    rb"'shape': \((?P<shape>(?:\d{1,18}L?, ?)*(?:\d{1,18}L?)?)\),? *\} *\n?"
)
"""The text before the numbers, as every version of numpy writes it."""

_MAGIC = b"\x93NUMPY"


class FileBytes:
    """A file opened for reading pieces of it from any process, also one forked later.

    Args:
        path: the file.

    Attributes:
        path: the file.
        size: in bytes, when it was opened.

    Raises:
        FileNotFoundError: there is none.
        UserError: it cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise UserError(f"cannot read {path}: {error.strerror}") from error
        weakref.finalize(self, os.close, self._descriptor)
        self.size = os.fstat(self._descriptor).st_size

    def read(self, start: int, count: int) -> bytes:
        """Return `count` bytes from byte `start` on.

        Raises:
            UserError: they are not there, or cannot be read.
        """
        try:
            data = os.pread(self._descriptor, count, start)
            while len(data) < count and (more := os.pread(self._descriptor, count - len(data), start + len(data))):
                data += more  # the kernel gives 2 GB at a time
        except OSError as error:
            raise UserError(f"cannot read {self.path}: {error.strerror}") from error
        if len(data) < count:
            left = os.fstat(self._descriptor).st_size
            raise UserError(
                f"{self.path}: damaged, it has {left} bytes, and bytes {start} to {start + count} are needed;"
                f" it had {self.size} when it was opened"
            )
        return data


@dataclass(frozen=True)
class Header:
    """What stands before the numbers of a .npy file.

    Attributes:
        dtype: of the numbers.
        shape: of the array.
        fortran: the first axis varies fastest.
        length: bytes of the header.
    """

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    fortran: bool
    length: int

    @property
    def size(self) -> int:
        """Bytes of the numbers."""
        return math.prod(self.shape) * self.dtype.itemsize

    def array(self, data: bytes) -> NDArray[Any]:
        """Return the numbers in all bytes after the header."""
        return np.frombuffer(bytearray(data), self.dtype).reshape(self.shape, order="F" if self.fortran else "C")


def read_header(file: IO[bytes]) -> Header:
    """Read the header of a .npy file from its beginning on.

    Raises:
        ValueError: it is none, or one of pickled objects or of records.
    """
    start = file.read(8)
    if start[:6] != _MAGIC or len(start) < 8 or start[6] not in (1, 2, 3):
        raise ValueError("not a .npy file")
    width = 2 if start[6] == 1 else 4
    count = int.from_bytes(file.read(width), "little")
    text = file.read(count) if count <= 10_000 else b""
    found = _HEADER.fullmatch(text)
    if found is None or len(text) < count:
        raise ValueError("not an array of plain numbers or letters (pickled objects are not read)")
    shape = tuple(int(part) for part in re.findall(rb"\d+", found["shape"]))
    return Header(_dtype(found["type"].decode()), shape, found["order"] == b"True", 8 + width + count)


def read_npy(file: IO[bytes]) -> NDArray[Any]:
    """Read a .npy file from its beginning on.

    Raises:
        OSError: it cannot be read.
        ValueError: damaged, foreign, pickled objects, or more than `MOST_BYTES`.
    """
    header = read_header(file)
    if header.size > MOST_BYTES:
        raise ValueError(f"an array of {header.size} bytes; at most {MOST_BYTES >> 20} MiB are read")
    data = file.read(header.size)
    if len(data) != header.size:
        raise ValueError(f"{len(data)} bytes where its header promises {header.size}")
    return header.array(data)


def _dtype(text: str) -> np.dtype[Any]:
    try:
        dtype = np.dtype(text)
    except (TypeError, ValueError):  # such as a float of 3 bytes
        raise ValueError(f"no type of numbers: {text!r}") from None
    if not dtype.itemsize:
        raise ValueError(f"no type of numbers: {text!r}")
    return dtype


class ArrayFile:
    """A .npy file whose rows are read when they are asked for.

    Args:
        path: the file.

    Attributes:
        path: the file.
        dtype: of the elements.
        shape: of the whole array; at least one axis.

    Raises:
        FileNotFoundError: there is none.
        ValueError: it is no .npy file of rows, or its numbers are not as many as its header says.
        UserError: it cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = FileBytes(path)
        with path.open("rb") as file:
            header = read_header(file)
        if not header.shape or (header.fortran and len(header.shape) > 1):
            raise ValueError("not an array of rows")
        if self._file.size != header.length + header.size:
            raise ValueError(f"{self._file.size} bytes where its header promises {header.length + header.size}")
        self.dtype, self.shape = header.dtype, header.shape
        self._start = header.length
        self._row = header.size // header.shape[0] if header.shape[0] else 0

    def __len__(self) -> int:
        return self.shape[0]

    def rows(self, start: int, stop: int) -> NDArray[Any]:
        """Return rows `start` to `stop` - 1, read-only.

        Raises:
            UserError: the file has become shorter, or cannot be read.
        """
        data = self._file.read(self._start + start * self._row, (stop - start) * self._row)
        return np.frombuffer(data, self.dtype).reshape(stop - start, *self.shape[1:])

    def all(self) -> NDArray[Any]:
        """Return all rows; see `rows`."""
        return self.rows(0, len(self))


def read_npz(file: str | Path | IO[bytes], names: Collection[str]) -> tuple[dict[str, NDArray[Any]], frozenset[str]]:
    """Read arrays of an NPZ archive.

    Args:
        file: the archive.
        names: of the arrays to read, where they are there.

    Returns:
        The arrays, and the names of all that the archive has.

    Raises:
        OSError: the file cannot be read.
        ValueError: damaged, foreign, an array of pickled objects, or one that would take more memory than `MOST_BYTES`.
    """
    arrays: dict[str, NDArray[Any]] = {}
    room = MOST_BYTES
    try:
        with zipfile.ZipFile(file) as archive:
            members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
            for name in sorted(members.keys() & set(names)):
                if members[name].compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                    raise ValueError(f"{name} is packed in a way that numpy does not use")
                with archive.open(members[name]) as member:
                    header = read_header(member)
                    room -= header.size
                    if room < 0:
                        raise ValueError(f"its arrays take more than {MOST_BYTES >> 20} MiB")
                    data = member.read(header.size)
                    if len(data) != header.size or member.read(1):
                        raise ValueError(f"{name} does not hold the {header.size} bytes that its header promises")
                arrays[name] = header.array(data)
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:  # RuntimeError: encrypted
        raise ValueError(" ".join(str(error).split()) or "cut off") from error
    return arrays, frozenset(members)
