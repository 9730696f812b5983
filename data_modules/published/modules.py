"""The published data sets as data modules."""

from __future__ import annotations

from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from scalemogen.data_modules.base import Loading
from scalemogen.data_modules.built import BuiltDataModule
from scalemogen.data_modules.published.building import Statistics, build_published
from scalemogen.data_modules.published.form import PublishedSet
from scalemogen.data_modules.published.humanml3d import HumanML3DSet, KITSet
from scalemogen.data_modules.published.snapmogen import SnapMoGenSet
from scalemogen.data_modules.store import FORMAT
from scalemogen.files import digest_json

HUMANML3D_LOADING = HumanML3DSet.form.loading
KIT_LOADING = KITSet.form.loading
SNAPMOGEN_LOADING = SnapMoGenSet.form.loading


class Published(BuiltDataModule):
    """Abstract data module of a published data set.

    Args:
        source: folder of the data set.
        statistics: "computed" takes mean and deviation from the training split, "published" the data set's own.
        root: folder in which stores are kept.
        loading: how clips become batches.

    Attributes:
        reader: reads the files.
    """

    reader: ClassVar[type[PublishedSet]]

    def __init__(self, source: str, statistics: Statistics, root: str, loading: Loading) -> None:
        super().__init__(loading)
        self.source = source
        self.statistics: Statistics = statistics
        self.root = root

    @property
    def files(self) -> PublishedSet:
        """The reader of the source."""
        return self.reader(self.source)

    @cached_property
    def path(self) -> Path:
        """Folder of the store, named after the options and the content of the source."""
        files = self.files
        content = [FORMAT, asdict(files.form), self.statistics, files.digest]
        return Path(self.root) / f"{files.form.name}-{digest_json(content)}"

    def build(self) -> None:
        """Read all files."""
        build_published(self.path, self.files, statistics=self.statistics)


class HumanML3D(Published):
    """HumanML3D in its published form: `new_joint_vecs`, `texts`, `train.txt`, `val.txt`, `test.txt`.

    Args:
        source: folder of the data set.
        statistics: "computed" takes mean and deviation from the training split, "published" `Mean.npy` and `Std.npy`.
        root: folder in which stores are kept.
        loading: how clips become batches.
    """

    reader: ClassVar[type[PublishedSet]] = HumanML3DSet

    def __init__(
        self,
        source: str,
        *,
        statistics: Statistics = "computed",
        root: str = "data",
        loading: Loading = HUMANML3D_LOADING,
    ) -> None:
        super().__init__(source, statistics, root, loading)


class KIT(Published):
    """KIT-ML in the form of HumanML3D's tools, 12.5 frames per second.

    Args:
        source: folder of the data set.
        statistics: "computed" takes mean and deviation from the training split, "published" `Mean.npy` and `Std.npy`.
        root: folder in which stores are kept.
        loading: how clips become batches.
    """

    reader: ClassVar[type[PublishedSet]] = KITSet

    def __init__(
        self,
        source: str,
        *,
        statistics: Statistics = "computed",
        root: str = "data",
        loading: Loading = KIT_LOADING,
    ) -> None:
        super().__init__(source, statistics, root, loading)


class SnapMoGen(Published):
    """SnapMoGen in its published form: `renamed_feats`, `all_caption_clean.json`, `data_split_info`.

    Args:
        source: folder of the data set.
        statistics: "computed" takes mean and deviation from the training split, "published" those of `meta_data`.
        root: folder in which stores are kept.
        loading: how clips become batches.
    """

    reader: ClassVar[type[PublishedSet]] = SnapMoGenSet

    def __init__(
        self,
        source: str,
        *,
        statistics: Statistics = "computed",
        root: str = "data",
        loading: Loading = SNAPMOGEN_LOADING,
    ) -> None:
        super().__init__(source, statistics, root, loading)
