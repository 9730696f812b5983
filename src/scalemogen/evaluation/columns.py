"""The columns of the tables: what a figure is called, in which unit, and which way is better."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from scalemogen.metrics.functional import KINDS


@dataclass(frozen=True)
class Column:
    """One figure.

    Attributes:
        title: as printed.
        better: "low", "high", or "real": as near as possible to that of real motion.
        digits: after the point.
        meaning: in a few words.
    """

    title: str
    better: Literal["low", "high", "real"]
    digits: int
    meaning: str

    @property
    def heading(self) -> str:
        """Title with an arrow."""
        return f"{self.title} {ARROWS[self.better]}"


ARROWS: Mapping[str, str] = MappingProxyType({"low": "↓", "high": "↑", "real": "→"})

EMBEDDING: Mapping[str, Column] = MappingProxyType(
    {
        "fid": Column("FID", "low", 3, "Fréchet distance to the real motions of the split"),
        "kid": Column("KID", "low", 5, "unbiased kernel distance to them, the one to read for few clips"),
        "r1": Column("R@1", "high", 3, "share of sentences that find their own motion in the pool"),
        "r2": Column("R@2", "high", 3, "the same among the first two"),
        "r3": Column("R@3", "high", 3, "the same among the first three"),
        "mm_dist": Column("MM-Dist", "low", 3, "Euclidean distance of sentence and own motion"),
        "matching_score": Column("matching", "high", 3, "cosine of sentence and own motion (CLIP score)"),
        "diversity": Column("Diversity", "real", 3, "distance of random pairs of motions"),
        "multimodality": Column("MModality", "real", 3, "distance of random pairs of motions of one sentence"),
    }
)
"""What the evaluator's embeddings say."""

PLAUSIBILITY: Mapping[str, Column] = MappingProxyType(
    {
        "skating_ratio": Column("skating", "low", 4, "share of frames on the ground in which a foot slides"),
        "skating_cm_per_s": Column("sliding cm/s", "low", 2, "mean speed of standing feet"),
        "skating_gmd_ratio": Column("skating, GMD's", "low", 4, "share of all frames in which toes slide"),
        "penetration_cm": Column("penetration cm", "low", 3, "depth of the lowest joint below the floor"),
        "floating_cm": Column("floating cm", "real", 3, "height of the lowest joint when the body does not fall"),
        "jitter_m_per_s3": Column("jitter m/s³", "real", 1, "mean jerk of the joints"),
        "bone_length_mm": Column("bones mm", "low", 2, "difference of bones from the skeleton's"),
        "bone_change_mm": Column("stretching mm", "low", 2, "difference of bones from the motion's own median"),
        "range_violation_ratio": Column("joint range", "low", 4, "share of hinges bent further than people can"),
        "rotation_gap_mm": Column("rotation gap mm", "low", 2, "distance of joints from where the rotations put them"),
    }
)
"""What can be said of a motion without another one; means over motions."""

ERRORS: Mapping[str, Column] = MappingProxyType(
    {
        "mpjpe_world_mm": Column("MPJPE world mm", "low", 1, "joint error with nothing aligned"),
        "mpjpe_root_mm": Column("MPJPE root mm", "low", 1, "joint error with the roots aligned"),
        "pa_mpjpe_mm": Column("PA-MPJPE mm", "low", 1, "joint error after the best similarity transform"),
        "acceleration_mm_per_frame2": Column("acceleration mm/frame²", "low", 2, "error of joint accelerations"),
        "rotation_deg": Column("rotation °", "low", 2, "error of local joint rotations"),
    }
)
"""Reconstructions against their originals; means over frames, of accelerations over three frames each."""

ATTRIBUTES: Mapping[str, Column] = MappingProxyType(
    {
        "facts": Column("facts", "high", 3, "share of what the sentences say that a program finds in the motions"),
        "sentences": Column("sentences", "high", 3, "share of sentences all of whose facts hold"),
        **{
            f"facts_{kind}": Column(kind, "high", 3, f"share of the acts with a stated {kind} that show it")
            for kind in KINDS
        },
    }
)
"""Synthetic data alone: does the motion show what its sentence says?"""

COLUMNS: Mapping[str, Column] = MappingProxyType({**EMBEDDING, **PLAUSIBILITY, **ERRORS, **ATTRIBUTES})
