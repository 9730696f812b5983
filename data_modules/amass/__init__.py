"""HumanML3D from raw AMASS: SMPL-H parameters to joints, clips and features."""

from scalemogen.data_modules.amass.source import AmassSet, build_amass

__all__ = ["AmassSet", "build_amass"]
