"""What the tests of this room share."""

from __future__ import annotations

import pytest

from helpers.motions import make_motion
from scalemogen.motion import Motion


@pytest.fixture
def motion() -> Motion:
    return make_motion()
