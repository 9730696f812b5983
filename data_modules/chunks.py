"""Features of a store in the chunks of a litdata data set, one item a clip, each chunk a file of many clips.

index.json     what litdata says of the chunks: names, sizes, items, format of the items
chunk-*.bin    [items][where each of them begins, and the end][items], all counts uint32, places in bytes
item           [bytes to come][number type][axes][T][F] as uint32, then T x F float32: litdata's format "numpy"

litdata's own reader is made for chunks in turn: in random order it opens one anew for almost every item, and begins by
asking the network for its newest version. Here chunks stay mapped, and the processes of a machine share their pages.
Some of litdata's formats unpickle; none but "numpy" is read.
"""

from __future__ import annotations

from itertools import accumulate
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field, ValidationError

from scalemogen.data_modules.remote import fetch_file, is_remote
from scalemogen.errors import UserError

INDEX = "index.json"

_FLOAT32 = 9
"""litdata's number for the type."""
_HEAD = 5
"""Words before the values of an item."""


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
    """The features of a store's clips in chunks, which are fetched and mapped when a clip of them is first read.

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
        self._maps: dict[int, NDArray[np.uint32]] = {}
        if self._ends[-1] != clips:
            raise UserError(f"{folder / INDEX}: {self._ends[-1]} items for the {clips} clips of the store")
        if not self._remote:
            for chunk in self._chunks:
                _check_size(folder / chunk.filename, chunk.chunk_bytes)

    def __len__(self) -> int:
        return len(self._chunks)

    def clip(self, index: int, shape: tuple[int, int]) -> NDArray[np.float32]:
        """Return the features (T, F) of a clip, a view of its chunk.

        Raises:
            UserError: the chunk cannot be fetched, or holds something else at this place.
        """
        number = int(np.searchsorted(self._ends, index, side="right"))
        chunk = self._maps.get(number)
        if chunk is None:
            chunk = self._maps[number] = self._map(self._chunks[number])
        place = index - (int(self._ends[number - 1]) if number else 0)
        begin, end = (int(byte) for byte in chunk[place + 1 : place + 3])
        values = shape[0] * shape[1]
        head = [4 * (values + _HEAD - 1), _FLOAT32, 2, *shape]
        item = chunk[begin // 4 : end // 4]
        if len(item) != values + _HEAD or item[:_HEAD].tolist() != head:
            path = self._folder / self._chunks[number].filename
            raise UserError(
                f"{path}: damaged, item {place} is not the {shape[0]} frames of {shape[1]} features of a clip"
            )
        return item[_HEAD:].view(np.float32).reshape(shape)

    def _map(self, chunk: _Chunk) -> NDArray[np.uint32]:
        path = self._folder / chunk.filename
        if self._remote:
            fetch_file(path)
        _check_size(path, chunk.chunk_bytes)
        return np.asarray(np.memmap(path, np.uint32, "r"))


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
