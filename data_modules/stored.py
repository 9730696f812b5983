"""A store that is already there."""

from __future__ import annotations

from pathlib import Path

from scalemogen.data_modules.base import DEFAULT_LOADING, Loading, MotionDataModule
from scalemogen.data_modules.store import MotionStore


class Stored(MotionDataModule):
    """Any motion store that `scalemogen data` has built.

    Args:
        path: folder of the store.
        loading: how clips become batches.
    """

    def __init__(self, path: str, *, loading: Loading = DEFAULT_LOADING) -> None:
        super().__init__(loading)
        self._path = Path(path)

    @property
    def path(self) -> Path:
        """Folder of the store."""
        return self._path

    def prepare_data(self) -> None:
        """Check that the store can be opened.

        Raises:
            UserError: it cannot; names the file and the reason.
        """
        MotionStore.open(self._path)
