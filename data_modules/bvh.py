"""BVH files as a data module."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from scalemogen.data_modules.base import DEFAULT_LOADING, Loading
from scalemogen.data_modules.built import BuiltDataModule
from scalemogen.data_modules.conversion import Layout
from scalemogen.data_modules.file_names import FileNames
from scalemogen.data_modules.store import Origin
from scalemogen.data_modules.takes import Takes, Windows, build_bvh

WHOLE = Windows()
NAMELESS = FileNames()


class BVH(BuiltDataModule):
    """Any folder or zip archive of BVH files.

    Args:
        source: folder, or zip archive, which is read in place.
        origin: name, licence and citation of the data.
        captions: CSV file with the columns clip, file, split, caption; others become attributes. "" takes what the file
            names tell.
        names: pattern of the file names and the caption to make of it; only without a table.
        skeleton: name or YAML file; blank derives it from the first file that can be read.
        joint_map: name or YAML file of a joint map that puts all files on one skeleton.
        fps: frame rate that clips are resampled to.
        layout: feature layout.
        mirror: add mirrored copies of the training clips, with left and right swapped in their captions.
        windows: how long takes are cut.
        root: folder in which stores are kept.
        loading: how clips become batches; the workers also read the files.
    """

    def __init__(
        self,
        source: str,
        origin: Origin,
        *,
        captions: str = "",
        names: FileNames = NAMELESS,
        skeleton: str = "",
        joint_map: str = "",
        fps: float = 20.0,
        layout: Layout = "humanml3d",
        mirror: bool = False,
        windows: Windows = WHOLE,
        root: str = "data",
        loading: Loading = DEFAULT_LOADING,
    ) -> None:
        super().__init__(loading)
        self.takes = Takes(
            source,
            origin,
            captions=captions,
            names=names,
            skeleton=skeleton,
            joint_map=joint_map,
            fps=fps,
            layout=layout,
            mirror=mirror,
            windows=windows,
        )
        self.root = root

    @cached_property
    def path(self) -> Path:
        """Folder of the store, named after the options and the content of the sources."""
        return Path(self.root) / f"bvh-{self.takes.digest}"

    def build(self) -> None:
        """Read all files."""
        build_bvh(self.path, self.takes, processes=self.loading.workers)
