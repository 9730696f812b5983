"""Where real data lies that tests may read but the repository may not hold."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

SHARED = Path(os.environ.get("SCALEMOGEN_SHARED") or Path(__file__).resolve().parents[3] / "shared") / "data"


def needs_data(name: str) -> pytest.MarkDecorator:
    """Skip where the folder of a data set is absent."""
    return pytest.mark.skipif(not (SHARED / name).is_dir(), reason=f"no folder {SHARED / name}; see SCALEMOGEN_SHARED")
