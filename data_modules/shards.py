"""Stores in shards, for machines without a shared disk: written once, fetched chunk by chunk, read as any store."""

from __future__ import annotations

import shutil
import warnings
from functools import cached_property
from pathlib import Path

import numpy as np
from tqdm import tqdm

from scalemogen.data_modules.base import DEFAULT_LOADING, Loading, MotionDataModule
from scalemogen.data_modules.chunks import INDEX
from scalemogen.data_modules.remote import is_address, open_remote, require_litdata
from scalemogen.data_modules.store import DESCRIPTION, SMALL_FILES, MotionStore
from scalemogen.data_modules.writer import require_replaceable
from scalemogen.errors import UserError
from scalemogen.files import work_folder

MOST_BYTES = 2**31
"""Of a shard: litdata counts in 32 bits."""


class Shards(MotionDataModule):
    """Shards that `scalemogen data shards` wrote, on this machine or elsewhere.

    Batches are those of the store that the shards were made of. What is elsewhere comes to this machine when it is
    first needed and stays there: all facts at once, features shard by shard.

    Args:
        source: folder, or address that begins with s3://, gs://, azure://, hf:// or local:.
        cache: folder for what is fetched, with room for the whole store.
        loading: how clips become batches.
    """

    def __init__(self, source: str, *, cache: str = "data", loading: Loading = DEFAULT_LOADING) -> None:
        super().__init__(loading)
        self.source = source
        self.cache = cache

    @cached_property
    def path(self) -> Path:
        """Folder of this machine that is opened as a store.

        Raises:
            UserError: the facts cannot be fetched.
        """
        if not is_address(self.source):
            return Path(self.source)
        return open_remote(self.source, Path(self.cache), (DESCRIPTION, INDEX), SMALL_FILES)

    def prepare_data(self) -> None:
        """Check that the shards can be opened.

        Raises:
            UserError: they cannot; names the file and the reason.
        """
        MotionStore.open(self.path)


def export_shards(store: MotionStore, path: Path, *, shard_bytes: int = 2**26, progress: bool = False) -> MotionStore:
    """Write a store in shards: its facts as they are, its features as a litdata data set of one array (T, F) a clip.

    Args:
        store: an opened store.
        path: folder of the shards; replaced if it exists. It appears when complete.
        shard_bytes: of a shard, at most, unless one clip has more.
        progress: show a bar.

    Returns:
        The shards, opened.

    Raises:
        UserError: litdata is not installed; the size is out of range; something other than a store is at the path, or
            the store itself; a clip cannot be read; the disk is full.
    """
    require_litdata()
    from litdata.streaming.writer import BinaryWriter

    if not 1 <= shard_bytes <= MOST_BYTES:
        raise UserError(f"shards of {shard_bytes} bytes: 1 to {MOST_BYTES} are possible")
    require_replaceable(path)
    if path.resolve() == store.path.resolve():
        raise UserError(f"{path} is the store itself; give the shards another folder")
    with work_folder(path) as folder:
        for name in (DESCRIPTION, *SMALL_FILES):
            shutil.copyfile(store.path / name, folder / name)
        writer = BinaryWriter(str(folder), chunk_bytes=shard_bytes)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "An item was larger than the target chunk size")  # clips are not cut
            for index in tqdm(range(len(store)), "writing shards", unit="clip", disable=not progress):
                writer[index] = np.ascontiguousarray(store.clip(index))
            writer.done()
        (folder / f"{writer.rank}.{INDEX}").rename(folder / INDEX)  # the index of this process is that of all
    return MotionStore.open(path)
