"""Data modules that build their store on first use."""

from __future__ import annotations

from abc import abstractmethod

from scalemogen.data_modules.base import MotionDataModule
from scalemogen.data_modules.store import is_store
from scalemogen.files import locked


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
        with locked(self.path):
            if not is_store(self.path):
                self.build()
