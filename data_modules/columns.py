"""Columns of a store: .npy files written row by row and read by memory map, and strings as one blob of bytes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

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


class Texts(Sequence[str]):
    """The strings that a TextWriter wrote, decoded one at a time.

    Args:
        blob: (bytes,) uint8.
        ends: (n,) int64, where each string ends in the blob.
    """

    def __init__(self, blob: NDArray[np.uint8], ends: NDArray[np.int64]) -> None:
        self._blob = blob
        self._ends = ends

    def __len__(self) -> int:
        return len(self._ends)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        position = range(len(self))[index]
        start = self._ends[position - 1] if position else 0
        return self._blob[start : self._ends[position]].tobytes().decode()


def read_column(path: Path, dtype: type[np.generic], rows: int | None = None, width: int | None = None) -> NDArray[Any]:
    """Memory-map a .npy file and check it against what the store says of it.

    Args:
        path: the file.
        dtype: expected type of the elements.
        rows: expected length, if known.
        width: expected second axis; None for a column of scalars.

    Raises:
        UserError: the file is missing, truncated, no .npy file, or of another type or shape.
    """
    try:
        array: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError:
        raise UserError(f"{path.parent}: {path.name} is missing; delete the folder and build it again") from None
    except (OSError, ValueError, EOFError) as error:
        raise UserError(f"{path}: not a readable array ({error}); delete the folder and build it again") from error
    shape = (len(array) if array.ndim else 0) if rows is None else rows
    expected = (shape,) if width is None else (shape, width)
    if array.dtype != np.dtype(dtype) or array.shape != expected:
        raise UserError(
            f"{path}: holds {array.dtype} of shape {array.shape} where the store needs {np.dtype(dtype)} of {expected}"
        )
    return array


def read_texts(folder: Path, name: str, rows: int | None = None) -> Texts:
    """Memory-map the strings of a TextWriter.

    Raises:
        UserError: as `read_column`; also if the two files do not fit.
    """
    ends = read_column(folder / f"{name}_ends.npy", np.int64, rows)
    blob = read_column(folder / f"{name}.npy", np.uint8, int(ends[-1]) if len(ends) else 0)
    return Texts(blob, ends)


class Rows:
    """The features of a store's clips in one memory-mapped array.

    Args:
        folder: of the store.
        clips: number of clips.
        frames: of all clips.
        width: features of a frame.

    Raises:
        UserError: as `read_column`.
    """

    def __init__(self, folder: Path, clips: int, frames: int, width: int) -> None:
        self._path = folder / "features.npy"
        self._rows: NDArray[np.float32] = read_column(self._path, np.float32, frames, width)
        self._starts: NDArray[np.int64] = read_column(folder / "starts.npy", np.int64, clips)

    def clip(self, index: int, shape: tuple[int, int]) -> NDArray[np.float32]:
        """Return the features (T, F) of a clip, a view of the file.

        Raises:
            UserError: the array does not hold `shape[0]` frames from where the clip begins.
        """
        start, stop = int(self._starts[index]), int(self._starts[index]) + shape[0]
        if not 0 <= start <= stop <= len(self._rows):
            raise UserError(f"{self._path}: clip {index} is in rows {start} to {stop} of {len(self._rows)}")
        return self._rows[start:stop]
