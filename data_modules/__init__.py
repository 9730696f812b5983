"""Motion stores on disk and the LightningDataModules that read them.

The folder is linked into the package and has one import name, `scalemogen.data_modules`.
"""

if __name__ != "scalemogen.data_modules":
    raise ImportError(f"import scalemogen.data_modules instead of {__name__}: the folder is linked into the package")

from scalemogen.data_modules.amass import AmassSet, build_amass
from scalemogen.data_modules.base import Loading, MotionDataModule
from scalemogen.data_modules.bvh import BVH
from scalemogen.data_modules.captions import swap_sides
from scalemogen.data_modules.checks import check_store
from scalemogen.data_modules.file_names import FileNames
from scalemogen.data_modules.generated import build_synthetic
from scalemogen.data_modules.info import describe
from scalemogen.data_modules.published import KIT, HumanML3D, SnapMoGen, build_published
from scalemogen.data_modules.sampler import BucketSampler, OrderedSampler
from scalemogen.data_modules.shards import Shards, export_shards
from scalemogen.data_modules.speed import SpeedChange
from scalemogen.data_modules.store import MotionStore, Origin, Quarantined
from scalemogen.data_modules.stored import Stored
from scalemogen.data_modules.synthetic import Synthetic
from scalemogen.data_modules.takes import Takes, Windows, build_bvh
from scalemogen.data_modules.writer import StoreWriter

__all__ = [
    "BVH",
    "KIT",
    "AmassSet",
    "BucketSampler",
    "FileNames",
    "HumanML3D",
    "Loading",
    "MotionDataModule",
    "MotionStore",
    "OrderedSampler",
    "Origin",
    "Quarantined",
    "Shards",
    "SnapMoGen",
    "SpeedChange",
    "StoreWriter",
    "Stored",
    "Synthetic",
    "Takes",
    "Windows",
    "build_amass",
    "build_bvh",
    "build_published",
    "build_synthetic",
    "check_store",
    "describe",
    "export_shards",
    "swap_sides",
]
