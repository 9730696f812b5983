"""A store that is already there."""

from __future__ import annotations

from pathlib import Path

from scalemogen.data_modules.base import MotionDataModule
from scalemogen.data_modules.store import MotionStore


class Stored(MotionDataModule):
    """Any motion store that `scalemogen data` has built.

    Args:
        path: folder of the store.
        batch_size, max_frames, min_frames, workers: see `MotionDataModule`.
    """

    def __init__(
        self, path: str, *, batch_size: int = 32, max_frames: int = 196, min_frames: int = 16, workers: int = 0
    ) -> None:
        super().__init__(batch_size=batch_size, max_frames=max_frames, min_frames=min_frames, workers=workers)
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
