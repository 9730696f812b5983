"""Features of a store in the chunks of a litdata data set, one item a clip, each chunk a file of many clips.

index.json     what litdata says of the chunks: names, sizes, items, format of the items
chunk-*.bin    [items][where each of them begins, and the end][items], all counts uint32, places in bytes
item           [bytes to come][number type][axes][T][F] as uint32, then T x F float32: litdata's format "numpy"

litdata's own reader is made for chunks in turn: in random order it opens one anew for almost every item, and begins by
asking the network for its newest version. Here 64 chunks stay open, and the processes of a machine share their pages.
Some of litdata's formats unpickle; none but "numpy" is read.
"""

from __future__ import annotations

from itertools import accumulate
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field, ValidationError

from scalemogen.arrays import FileBytes
from scalemogen.data_modules.remote import fetch_file, is_remote
from scalemogen.errors import UserError

INDEX = "index.json"

_FLOAT32 = 9
"""litdata's number for the type."""
_HEAD = 5
"""Words before the values of an item."""
_OPEN = 64
"""Chunks that are open at a time."""


class _Chunk(BaseModel):
    filename: str = Field(pattern=r"^chunk-\d+-\d+\.bin$")
    chunk_bytes: int = Field(ge=8, multiple_of=4)
    chunk_size: int = Field(ge=1)


class _Config(BaseModel):
    data_format: tuple[Literal["numpy"]]
    item_loader: Literal["PyTreeLoader"]
    compression: None
    encryption: None


class _Index(BaseModel):
    chunks: list[_Chunk] = Field(min_length=1)
    config: _Config


class Chunks:
    """The features of a store's clips in chunks, which are fetched and opened when a clip of them is first read.

    Args:
        folder: of the store.
        clips: number of clips.

    Raises:
        UserError: the index is damaged, of a foreign format or does not fit the store, or a chunk that should be here
            is missing or of another size.
    """

    def __init__(self, folder: Path, clips: int) -> None:
        self._folder = folder
        self._remote = is_remote(folder)
        self._chunks = _read_index(folder / INDEX).chunks
        self._ends = np.array(list(accumulate(chunk.chunk_size for chunk in self._chunks)))
        self._open: dict[int, FileBytes] = {}
        if self._ends[-1] != clips:
            raise UserError(f"{folder / INDEX}: {self._ends[-1]} items for the {clips} clips of the store")
        if not self._remote:
            for chunk in self._chunks:
                _check_size(folder / chunk.filename, chunk.chunk_bytes)

    def __len__(self) -> int:
        return len(self._chunks)

    def clip(self, index: int, shape: tuple[int, int], start: int, stop: int) -> NDArray[np.float32]:
        """Return frames `start` to `stop` - 1 of the (T, F) of a clip.

        Raises:
            UserError: the chunk cannot be fetched, or holds something else at this place.
        """
        number = int(np.searchsorted(self._ends, index, side="right"))
        chunk = self._chunk(number)
        place = index - (int(self._ends[number - 1]) if number else 0)
        begin, end = np.frombuffer(chunk.read(4 * (place + 1), 8), np.uint32).tolist()
        values = shape[0] * shape[1]
        head = [4 * (values + _HEAD - 1), _FLOAT32, 2, *shape]
        if (
            end - begin != 4 * (values + _HEAD)
            or np.frombuffer(chunk.read(begin, 4 * _HEAD), np.uint32).tolist() != head
        ):
            raise UserError(
                f"{chunk.path}: damaged, item {place} is not the {shape[0]} frames of {shape[1]} features of a clip"
            )
        data = chunk.read(begin + 4 * (_HEAD + start * shape[1]), 4 * (stop - start) * shape[1])
        return np.frombuffer(data, np.float32).reshape(stop - start, shape[1])

    def _chunk(self, number: int) -> FileBytes:
        """Return a chunk, opened and of the size that the index says."""
        found = self._open.get(number)
        if found is None:
            chunk = self._chunks[number]
            path = self._folder / chunk.filename
            if self._remote:
                fetch_file(path)
            _check_size(path, chunk.chunk_bytes)
            if len(self._open) == _OPEN:
                del self._open[next(iter(self._open))]
            found = self._open[number] = FileBytes(path)
        return found


def _check_size(path: Path, size: int) -> None:
    if not path.is_file():
        raise UserError(f"{path.parent}: {path.name} is missing; copy or export the shards again")
    if path.stat().st_size != size:
        raise UserError(
            f"{path}: damaged, {path.stat().st_size} bytes where {INDEX} says {size}; copy or export the shards again"
        )


def _read_index(path: Path) -> _Index:
    try:
        return _Index.model_validate_json(path.read_bytes())
    except ValidationError as error:
        fault = error.errors()[0]
        place = ".".join(str(part) for part in fault["loc"])
        raise UserError(
            f"{path}: not an index of motion shards: {place}: {fault['msg']} (it is {fault['input']!r:.60})"
        ) from error
