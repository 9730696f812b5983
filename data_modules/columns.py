"""Columns of a store: .npy files written row by row and read piece by piece, and strings as one blob of bytes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from scalemogen.arrays import ArrayFile
from scalemogen.errors import UserError


class ColumnWriter:
    """Appends rows to a .npy file without holding them in memory.

    Args:
        path: the file; it must not exist.
        dtype: of the elements.
        row: shape of one row.

    The header is written again on `close`, in the room that numpy leaves in it for a growing first axis.
    """

    def __init__(self, path: Path, dtype: type[np.generic], row: tuple[int, ...] = ()) -> None:
        self.rows = 0
        self._dtype = np.dtype(dtype)
        self._row = row
        self._file = path.open("xb")
        self._write_header()
        self._start = self._file.tell()

    def _write_header(self) -> None:
        descr = npy.dtype_to_descr(self._dtype)
        npy.write_array_header_1_0(
            self._file, {"descr": descr, "fortran_order": False, "shape": (self.rows, *self._row)}
        )

    def append(self, rows: NDArray[Any]) -> None:
        """Append rows (n, *row)."""
        if rows.shape[1:] != self._row:
            raise ValueError(f"rows of shape {rows.shape[1:]} do not fit a column of {self._row}")
        self._file.write(np.ascontiguousarray(rows, self._dtype).tobytes())
        self.rows += len(rows)

    def close(self) -> None:
        """Write the final header and close the file. Closing twice does nothing."""
        if self._file.closed:
            return
        with self._file:
            self._file.seek(0)
            self._write_header()
            if self._file.tell() != self._start:
                raise ValueError("the .npy header grew; the file is not readable")


class TextWriter:
    """Appends strings to a pair of columns: `NAME.npy` (UTF-8 bytes) and `NAME_ends.npy` (end of each string)."""

    def __init__(self, folder: Path, name: str) -> None:
        self._bytes = ColumnWriter(folder / f"{name}.npy", np.uint8)
        self._ends = ColumnWriter(folder / f"{name}_ends.npy", np.int64)

    def append(self, text: str) -> None:
        """Append one string."""
        self._bytes.append(np.frombuffer(text.encode(), dtype=np.uint8))
        self._ends.append(np.array([self._bytes.rows]))

    def close(self) -> None:
        """Close both files."""
        self._bytes.close()
        self._ends.close()


_BLOCK = 4096
"""Strings that are read at once where all of them are."""


class Texts(Sequence[str]):
    """The strings that a TextWriter wrote, read and decoded when they are asked for.

    Args:
        blob: (bytes,) uint8.
        ends: (n,) int64, where each string ends in the blob.
    """

    def __init__(self, blob: ArrayFile, ends: ArrayFile) -> None:
        self._blob = blob
        self._ends = ends

    def __len__(self) -> int:
        return len(self._ends)

    def __iter__(self) -> Iterator[str]:
        for start in range(0, len(self), _BLOCK):
            yield from self._read(start, min(start + _BLOCK, len(self)))

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            start, stop, step = index.indices(len(self))
            return self._read(start, stop) if step == 1 else [self[i] for i in range(start, stop, step)]
        position = range(len(self))[index]
        return self._read(position, position + 1)[0]

    def _read(self, first: int, last: int) -> list[str]:
        """Return the strings `first` to `last` - 1."""
        if first >= last:
            return []
        ends = self._ends.rows(max(first - 1, 0), last).tolist()
        bounds = ends if first else [0, *ends]
        if bounds != sorted(bounds) or not 0 <= bounds[0] <= bounds[-1] <= len(self._blob):
            raise UserError(f"{self._ends.path}: damaged, the texts {first} to {last - 1} end nowhere in their file")
        data = self._blob.rows(bounds[0], bounds[-1]).tobytes()
        try:
            return [data[start - bounds[0] : end - bounds[0]].decode() for start, end in pairwise(bounds)]
        except UnicodeDecodeError as error:
            raise UserError(f"{self._blob.path}: damaged, not UTF-8 in the texts {first} to {last - 1}") from error


def open_column(path: Path, dtype: type[np.generic], rows: int | None = None, width: int | None = None) -> ArrayFile:
    """Open a .npy file and check its header and its size against what the store says of it.

    Args:
        path: the file.
        dtype: expected type of the elements.
        rows: expected length, if known.
        width: expected second axis; None for a column of scalars.

    Raises:
        UserError: the file is missing, truncated, no .npy file, or of another type or shape.
    """
    try:
        column = ArrayFile(path)
    except FileNotFoundError:
        raise UserError(f"{path.parent}: {path.name} is missing; delete the folder and build it again") from None
    except UserError:
        raise
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: not a readable array ({error}); delete the folder and build it again") from error
    length = len(column) if rows is None else rows
    expected = (length,) if width is None else (length, width)
    if column.dtype != np.dtype(dtype) or column.shape != expected:
        found = f"{column.dtype} of shape {column.shape}"
        raise UserError(f"{path}: holds {found} where the store needs {np.dtype(dtype)} of {expected}")
    return column


def read_texts(folder: Path, name: str, rows: int | None = None) -> Texts:
    """Open the strings of a TextWriter.

    Raises:
        UserError: as `open_column`; also if the two files do not fit.
    """
    ends = open_column(folder / f"{name}_ends.npy", np.int64, rows)
    blob = open_column(folder / f"{name}.npy", np.uint8, last_value(ends))
    return Texts(blob, ends)


def last_value(ends: ArrayFile) -> int:
    """Return the last of a column of ends, 0 of an empty one."""
    return int(ends.rows(len(ends) - 1, len(ends))[0]) if len(ends) else 0


class Rows:
    """The features of a store's clips in one array.

    Args:
        folder: of the store.
        clips: number of clips.
        frames: of all clips.
        width: features of a frame.

    Raises:
        UserError: as `open_column`.
    """

    def __init__(self, folder: Path, clips: int, frames: int, width: int) -> None:
        self._rows = open_column(folder / "features.npy", np.float32, frames, width)
        self._starts = open_column(folder / "starts.npy", np.int64, clips)

    def clip(self, index: int, shape: tuple[int, int], start: int, stop: int) -> NDArray[np.float32]:
        """Return frames `start` to `stop` - 1 of the (T, F) of a clip.

        Raises:
            UserError: the array does not hold `shape[0]` frames from where the clip begins, or has been cut.
        """
        first = int(self._starts.rows(index, index + 1)[0])
        if not 0 <= first <= first + shape[0] <= len(self._rows):
            raise UserError(
                f"{self._rows.path}: clip {index} is in rows {first} to {first + shape[0]} of {len(self._rows)}"
            )
        return self._rows.rows(first + start, first + stop)
