"""The embedded default: procedural motions, generated here, of any number."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from scalemogen.data_modules.base import DEFAULT_LOADING, Loading
from scalemogen.data_modules.built import BuiltDataModule
from scalemogen.data_modules.conversion import Layout
from scalemogen.data_modules.generated import build_synthetic, synthetic_options
from scalemogen.data_modules.store import FORMAT
from scalemogen.files import digest_json


class Synthetic(BuiltDataModule):
    """Procedural full-body motions with captions and attributes over the 22 joints of HumanML3D.

    Args:
        clips: number of clips, mirrored copies not counted.
        seed: of the generator; clip i is the same in a data set of any size.
        fps: frame rate.
        layout: feature layout.
        mirror: add mirrored copies of the training clips.
        simple: one neutral action a clip, at most twice: learned in minutes.
        root: folder in which stores are kept.
        loading: how clips become batches.
    """

    def __init__(
        self,
        clips: int = 2000,
        seed: int = 0,
        *,
        fps: float = 20.0,
        layout: Layout = "humanml3d",
        mirror: bool = False,
        simple: bool = False,
        root: str = "data",
        loading: Loading = DEFAULT_LOADING,
    ) -> None:
        super().__init__(loading)
        self.clips = clips
        self.seed = seed
        self.fps = fps
        self.layout: Layout = layout
        self.mirror = mirror
        self.simple = simple
        self.root = root

    @cached_property
    def path(self) -> Path:
        """Folder of the store, named after the options and the generator's code."""
        options = synthetic_options(self.clips, self.seed, self.fps, self.layout, self.mirror, self.simple)
        return Path(self.root) / f"synthetic-{digest_json([FORMAT, options])}"

    def build(self) -> None:
        """Generate all clips."""
        build_synthetic(
            self.path,
            clips=self.clips,
            seed=self.seed,
            fps=self.fps,
            layout=self.layout,
            mirror=self.mirror,
            simple=self.simple,
            processes=self.loading.workers,
        )
