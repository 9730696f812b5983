"""What makes the data of one model another model's data too."""

from __future__ import annotations

from dataclasses import replace

import pytest

from helpers.evaluators import make_facts
from scalemogen.contracts import DataFacts


def test_rounding_makes_no_difference() -> None:
    """The same data built with another number of threads has other last digits, and another digest."""
    facts = make_facts()
    rebuilt = replace(facts, mean=facts.mean + 1e-6 * facts.std, digests={"train": "1"})
    assert rebuilt.digest != facts.digest
    assert facts.difference(rebuilt) is None


@pytest.mark.parametrize(
    ("other", "named"),
    [
        (replace(make_facts(), name="other"), "names toy and other"),
        (make_facts("snapmogen"), "skeleton humanml3d"),
        (make_facts(fps=30.0), "layout humanml3d at 20 fps and humanml3d at 30 fps"),
        (replace(make_facts(), mean=make_facts().mean + 0.01 * make_facts().std), "statistics"),
        (replace(make_facts(), std=make_facts().std * 1.001), "statistics"),
    ],
)
def test_other_data_is_named(other: DataFacts, named: str) -> None:
    difference = make_facts().difference(other)
    assert difference is not None
    assert named in difference
