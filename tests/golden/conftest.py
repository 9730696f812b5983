"""`--renew` writes the figures that are found, instead of comparing them."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--renew", action="store_true", help="write the golden figures anew")


@pytest.fixture
def renew(request: pytest.FixtureRequest) -> bool:
    """Whether to write; not an option where pytest was started on all tests."""
    return bool(request.config.getoption("--renew", default=False))
