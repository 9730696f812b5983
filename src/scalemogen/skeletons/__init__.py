"""Joint trees with their levels, body parts and part chains, as named data."""

from scalemogen.skeletons.checks import check_chain
from scalemogen.skeletons.derive import derive_skeleton
from scalemogen.skeletons.library import SKELETONS, get_skeleton
from scalemogen.skeletons.skeleton import Links, Partition, Pool, Skeleton
from scalemogen.skeletons.writing import write_skeleton

__all__ = [
    "SKELETONS",
    "Links",
    "Partition",
    "Pool",
    "Skeleton",
    "check_chain",
    "derive_skeleton",
    "get_skeleton",
    "write_skeleton",
]
