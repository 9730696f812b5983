"""One tiny model for the whole room, and a server around it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from fastapi.testclient import TestClient

from helpers.models import make_model
from helpers.serving import Serve
from scalemogen.pipeline import TextToMotion
from scalemogen.serving import Limits, create_app


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> TextToMotion:
    return TextToMotion.from_pretrained(make_model(tmp_path_factory.mktemp("serving") / "model"))


@pytest.fixture
def serve(model: TextToMotion) -> Iterator[Serve]:
    """Start a server with limits of one's own; failures of the server become answers, as they do for visitors."""
    with ExitStack() as stack:

        def start(**limits: float) -> TestClient:
            app = create_app(model, Limits(**{"rate": 10_000, **limits}))
            client = TestClient(app, base_url="http://localhost", raise_server_exceptions=False)
            return stack.enter_context(client)

        yield start
