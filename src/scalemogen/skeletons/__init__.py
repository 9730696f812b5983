"""Joint trees with their levels, body parts and part chains, as named data."""

from scalemogen.skeletons.checks import check_chain
from scalemogen.skeletons.library import SKELETONS, get_skeleton
from scalemogen.skeletons.skeleton import Links, Partition, Pool, Skeleton

__all__ = ["SKELETONS", "Links", "Partition", "Pool", "Skeleton", "check_chain", "get_skeleton"]
