"""Editing against the reference implementation: every mask, probability and bit, and where the default differs."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from helpers.ar import max_error, reference_transformer
from helpers.reference import Fixture, load, names, sibling
from scalemogen.contracts import TextFeatures
from scalemogen.sampling import Generated, generate, reference_decide, reference_region
from scalemogen.scales import Pyramid

every_fixture = pytest.mark.parametrize("name", names("edit"))


def prompt(fixture: Fixture, name: str) -> TextFeatures:
    tokens = fixture[f"{name}.text"][None]
    return TextFeatures(tokens, torch.ones(tokens.shape[:2], dtype=torch.bool))


def source(fixture: Fixture) -> Generated:
    entry = fixture.description["source"]
    return generate(
        reference_transformer(sibling(fixture, "ar")),
        Pyramid(fixture.spec, padding="reference"),
        prompt(fixture, "source"),
        torch.tensor([entry["m_len"]]),
        generators=None,
        guidance=entry["cfg"],
        temperature=entry["tau"],
    )


def region_of(entry: dict[str, Any]) -> dict[str, Any]:
    frames = None if entry["edit_temp"] is None else tuple(entry["edit_temp"])
    return {"frames": frames, "parts": entry["edit_joints"] or ()}


def edit(fixture: Fixture, entry: dict[str, Any], made: Generated) -> Generated:
    usual = fixture.description["source"]
    return generate(
        reference_transformer(sibling(fixture, "ar")),
        Pyramid(fixture.spec, padding="reference"),
        prompt(fixture, "target"),
        torch.tensor([entry["m_len"]]),
        generators=None,
        guidance=usual["cfg"],
        temperature=usual["tau"],
        decide=reference_decide(
            fixture.spec,
            [probability > 0.5 for probability in made.probabilities],
            made.probabilities,
            gamma=entry["gamma"],
            tau=entry["tau"],
            threshold=entry.get("threshold"),
            **region_of(entry),
        ),
    )


@every_fixture
def test_the_source_is_cached_also_outside_the_motion(name: str) -> None:
    fixture = load(name)
    for k, probability in enumerate(source(fixture).probabilities):
        assert torch.equal(probability[0] > 0.5, fixture.scale(k, "cache", "source.").bool())
        assert max_error(probability[0], fixture.scale(k, "p1", "source.")) <= 2e-5


@every_fixture
def test_every_edit_is_reproduced(name: str) -> None:
    fixture = load(name)
    made = source(fixture)
    for entry in fixture.description["edits"]:
        tag = entry["tag"]
        result = edit(fixture, entry, made)
        for k, valid in enumerate(result.maps.valid):
            region = reference_region(fixture.spec, k, **region_of(entry))
            assert torch.equal(region, fixture.scale(k, "region", f"{tag}.")), f"{tag}, scale {k}"
            assert max_error(result.probabilities[k][0], fixture.scale(k, "p1", f"{tag}.")) <= 2e-5
            theirs = fixture.scale(k, "raw_bits", f"{tag}.").bool() & valid[0][:, None, None]
            assert torch.equal(result.maps.bits[k][0], theirs), f"{tag}, scale {k}"
            took, cached = fixture.scale(k, "took", f"{tag}."), fixture.scale(k, "cache", "source.").bool()
            differs = (result.probabilities[k][0] > 0.5) != cached
            changed = result.maps.bits[k][0] != cached
            assert torch.equal(changed[valid[0]], (took & differs)[valid[0]]), f"{tag}, scale {k}: bits taken"
