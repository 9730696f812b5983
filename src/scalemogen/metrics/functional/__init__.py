"""Metrics as pure functions of tensors."""

from scalemogen.metrics.functional.bits import mutual_information
from scalemogen.metrics.functional.distribution import (
    KernelEstimate,
    Moments,
    frechet_distance,
    kernel_distance,
    merge_moments,
    moments,
)
from scalemogen.metrics.functional.diversity import diversity, multimodality
from scalemogen.metrics.functional.embeddings import Distance, caption_groups, distance_matrix
from scalemogen.metrics.functional.neighbours import (
    Nearest,
    descriptor_points,
    group_spreads,
    majority,
    nearest_points,
    trajectory_descriptor,
)
from scalemogen.metrics.functional.plausibility import (
    Skating,
    bone_length_deviation,
    floating,
    floor_penetration,
    foot_skating,
    jitter,
    rotation_position_gap,
    skating_gmd,
)
from scalemogen.metrics.functional.preservation import Preservation, joint_angles, skeleton_preservation
from scalemogen.metrics.functional.ranges import RANGES, HingeAngles, hinge_angles, range_violations
from scalemogen.metrics.functional.readings import KINDS, read
from scalemogen.metrics.functional.reconstruction import (
    acceleration_error,
    mpjpe_procrustes,
    mpjpe_root_aligned,
    mpjpe_world,
    rotation_error,
)
from scalemogen.metrics.functional.retrieval import (
    GalleryRetrieval,
    PoolPrecision,
    Retrieval,
    draw_pools,
    gallery_retrieval,
    matched_distance,
    matching_score,
    pool_hits,
    pools_in_order,
    r_precision,
)

__all__ = [
    "KINDS",
    "RANGES",
    "Distance",
    "GalleryRetrieval",
    "HingeAngles",
    "KernelEstimate",
    "Moments",
    "Nearest",
    "PoolPrecision",
    "Preservation",
    "Retrieval",
    "Skating",
    "acceleration_error",
    "bone_length_deviation",
    "caption_groups",
    "descriptor_points",
    "distance_matrix",
    "diversity",
    "draw_pools",
    "floating",
    "floor_penetration",
    "foot_skating",
    "frechet_distance",
    "gallery_retrieval",
    "group_spreads",
    "hinge_angles",
    "jitter",
    "joint_angles",
    "kernel_distance",
    "majority",
    "matched_distance",
    "matching_score",
    "merge_moments",
    "moments",
    "mpjpe_procrustes",
    "mpjpe_root_aligned",
    "mpjpe_world",
    "multimodality",
    "mutual_information",
    "nearest_points",
    "pool_hits",
    "pools_in_order",
    "r_precision",
    "range_violations",
    "read",
    "rotation_error",
    "rotation_position_gap",
    "skating_gmd",
    "skeleton_preservation",
    "trajectory_descriptor",
]
