"""What the server says of itself is true: requests made from its own description, sensible ones and others."""

from __future__ import annotations

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)

from helpers.serving import listening
from scalemogen.pipeline import TextToMotion
from scalemogen.serving import Limits, create_app

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    negative_data_rejection,
]
EXAMPLES = 25


@pytest.mark.slow
def test_requests_made_from_the_description(model: TextToMotion) -> None:
    app = create_app(model, Limits(rate=100_000))
    with listening(app) as address:
        schema = schemathesis.openapi.from_url(f"{address}/api/openapi.json")
        for found in schema.get_all_operations():
            operation = found.ok()
            for mode in GenerationMode:
                if mode is GenerationMode.NEGATIVE and not (operation.body or operation.path_parameters):
                    continue  # nothing to do wrong

                @settings(max_examples=EXAMPLES, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
                @given(case=operation.as_strategy(generation_mode=mode))
                def probe(case: schemathesis.Case) -> None:
                    case.call_and_validate(base_url=address, checks=CHECKS)

                probe()
