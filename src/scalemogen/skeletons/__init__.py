"""Joint trees with their levels, body parts and part chains, as named data."""

from scalemogen.skeletons.checks import check_chain
from scalemogen.skeletons.derive import derive_skeleton
from scalemogen.skeletons.library import SKELETONS, get_skeleton
from scalemogen.skeletons.limbs import Limb, find_limbs
from scalemogen.skeletons.skeleton import Links, Partition, Pool, Skeleton
from scalemogen.skeletons.writing import write_skeleton

__all__ = [
    "SKELETONS",
    "Limb",
    "Links",
    "Partition",
    "Pool",
    "Skeleton",
    "check_chain",
    "derive_skeleton",
    "find_limbs",
    "get_skeleton",
    "write_skeleton",
]
