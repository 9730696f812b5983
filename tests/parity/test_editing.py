"""Editing against the reference implementation: every mask, probability and bit, and where the default differs."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from helpers.ar import max_error, reference_transformer
from helpers.reference import Fixture, load, names, sibling
from scalemogen.contracts import TextFeatures
from scalemogen.sampling import Generated, generate, reference_decide, reference_region
from scalemogen.sampling import edit as redraw
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


@every_fixture
def test_the_default_takes_frames_and_parts_together(name: str) -> None:
    """Known defects: the reference takes the union, changes bits outside of it, and protects merged groups."""
    fixture = load(name)
    entry = next(entry for entry in fixture.description["edits"] if entry["edit_temp"] and entry["edit_joints"])
    usual, spec = fixture.description["source"], fixture.spec
    lengths = torch.tensor([entry["m_len"]])
    pyramid = Pyramid(spec)
    first, last = (frame // spec.frames_per_cell for frame in entry["edit_temp"])
    region = torch.zeros(1, int(pyramid.cells(lengths)), spec.parts, dtype=torch.bool)
    region[:, first:last, entry["edit_joints"]] = True
    reference = source(fixture)
    theirs = edit(fixture, entry, reference)
    cells = region.shape[1]
    moved = (theirs.latent - reference.latent)[:, :cells].abs().amax(-1) > 0
    assert bool(moved[:, first:last][..., _others(spec.parts, entry)].any()), "parts that are not listed"
    assert bool(moved[:, last:].any()), "frames that are not in the range"

    draw = torch.randn(1, cells, spec.parts, spec.bits, generator=torch.Generator().manual_seed(0))
    quantised = pyramid.quantise(draw, lengths)
    mine = redraw(
        reference_transformer(sibling(fixture, "ar")),
        pyramid,
        quantised,
        prompt(fixture, "target"),
        lengths,
        region,
        generators=None,
        guidance=usual["cfg"],
        temperature=usual["tau"],
    )
    changed = (mine.latent - quantised.sums[-1]).abs().amax(-1) > 0
    assert bool(changed[region].any())
    assert not bool(changed[~region].any())
    listed = set(entry["edit_joints"])
    for k in [k for k, scale in enumerate(spec.scales) if not any(set(group) <= listed for group in scale.groups)][:1]:
        assert not reference_region(spec, k, parts=entry["edit_joints"]).any(), "the reference protects merged groups"
        assert not torch.equal(mine.maps.bits[k], quantised.maps.bits[k]), "here they change, for those parts alone"


def _others(parts: int, entry: dict[str, Any]) -> list[int]:
    return [part for part in range(parts) if part not in entry["edit_joints"]]
