"""BVH files with a captions table as a data module."""

from __future__ import annotations

from dataclasses import asdict
from functools import cached_property
from pathlib import Path

from scalemogen.data_modules.base import DEFAULT_LOADING, Loading
from scalemogen.data_modules.building import Layout, build_bvh, bvh_options
from scalemogen.data_modules.built import BuiltDataModule
from scalemogen.data_modules.sources import MotionFiles
from scalemogen.data_modules.store import FORMAT, Origin
from scalemogen.errors import UserError
from scalemogen.files import digest_bytes, digest_json


class BVH(BuiltDataModule):
    """Any folder or zip archive of BVH files, and a table of captions.

    Args:
        source: folder, or zip archive, which is read in place.
        captions: CSV file with the columns clip, file, split, caption; others become attributes.
        origin: name, licence and citation of the data.
        skeleton: name or YAML file; blank derives it from the first file.
        fps: frame rate that clips are resampled to.
        layout: feature layout.
        mirror: add mirrored copies of the training clips, with left and right swapped in their captions.
        root: folder in which stores are kept.
        loading: how clips become batches.
    """

    def __init__(
        self,
        source: str,
        captions: str,
        origin: Origin,
        *,
        skeleton: str = "",
        fps: float = 20.0,
        layout: Layout = "humanml3d",
        mirror: bool = False,
        root: str = "data",
        loading: Loading = DEFAULT_LOADING,
    ) -> None:
        super().__init__(loading)
        self.source = source
        self.captions_file = captions
        self.origin = origin
        self.skeleton = skeleton
        self.fps = fps
        self.layout: Layout = layout
        self.mirror = mirror
        self.root = root

    @cached_property
    def path(self) -> Path:
        """Folder of the store, named after the options and the content of the sources."""
        try:
            table = Path(self.captions_file).read_bytes()
        except OSError as error:
            raise UserError(f"{self.captions_file}: cannot be read ({error.strerror})") from error
        options = bvh_options(self.skeleton, self.fps, self.layout, "lowest", self.mirror)
        sources = [MotionFiles(self.source).digest, digest_bytes(table)]
        return Path(self.root) / f"bvh-{digest_json([FORMAT, options, asdict(self.origin), sources])}"

    def build(self) -> None:
        """Read all files."""
        build_bvh(
            self.path,
            source=self.source,
            captions=self.captions_file,
            origin=self.origin,
            skeleton=self.skeleton,
            fps=self.fps,
            layout=self.layout,
            mirror=self.mirror,
            processes=self.loading.workers,
        )
