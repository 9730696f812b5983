"""Generation against the reference implementation: every bit, probabilities, inputs, the final sum of codes."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from helpers.ar import max_error, reference_prompts, reference_transformer
from helpers.reference import Fixture, load, names
from scalemogen.ar import Decoding, NextScaleTransformer
from scalemogen.contracts import TextFeatures
from scalemogen.sampling import Generated, generate
from scalemogen.scales import Pyramid

every_fixture = pytest.mark.parametrize("name", names("ar"))


def tags(fixture: Fixture) -> list[str]:
    return [entry["tag"] for entry in fixture.description["generations"]]


def generation(fixture: Fixture, tag: str) -> dict[str, Any]:
    return next(entry for entry in fixture.description["generations"] if entry["tag"] == tag)


def guidance(fixture: Fixture, entry: dict[str, Any]) -> list[float]:
    """The guidance in effect at each scale: the reference multiplies its list by a ramp from 0 to 1."""
    scales = len(fixture.spec.scales)
    values = entry["cfg"] if isinstance(entry["cfg"], list) else [entry["cfg"]] * scales
    return [value * k / (scales - 1) for k, value in enumerate(values)]


def uniforms(fixture: Fixture, tag: str) -> list[Tensor] | None:
    if f"{tag}.scale00.u" not in fixture.tensors:
        return None
    return [fixture.scale(k, "u", f"{tag}.")[None] for k in range(len(fixture.spec.scales))]


def run(fixture: Fixture, tag: str, model: NextScaleTransformer, padding: str, ramp: bool = False) -> Generated:
    entry = generation(fixture, tag)
    row = entry["prompt_index"]
    words = int(fixture["in.text_lens"][row])
    text = reference_prompts(fixture)[row : row + 1]
    return generate(
        model,
        Pyramid(fixture.spec, padding="reference" if padding == "reference" else "zero"),
        TextFeatures(text.tokens[:, :words], text.mask[:, :words]),
        torch.tensor([entry["m_len"]]),
        generators=None,
        guidance=entry["cfg"] if ramp else guidance(fixture, entry),
        temperature=entry["tau"],
        uniforms=uniforms(fixture, tag),
    )


class Recording(NextScaleTransformer):
    """Keeps the inputs of every scale."""

    seen: list[Tensor]

    def step(self, state: Decoding, inputs: Tensor | None) -> Tensor:
        if inputs is not None:
            self.seen.append(inputs)
        return super().step(state, inputs)


@every_fixture
def test_reference_mode_gives_every_bit(name: str) -> None:
    fixture = load(name)
    model = reference_transformer(fixture)
    model.__class__ = Recording
    assert isinstance(model, Recording)
    for tag in tags(fixture):
        model.seen = []
        _assert_reproduced(fixture, tag, run(fixture, tag, model, "reference"), model.seen)


def _assert_reproduced(fixture: Fixture, tag: str, result: Generated, inputs: list[Tensor]) -> None:
    for k, bits in enumerate(result.maps.bits):
        assert torch.equal(bits[0], fixture.scale(k, "bits", f"{tag}.").bool()), f"{tag}, scale {k}"
        assert max_error(result.probabilities[k][0], fixture.scale(k, "p1", f"{tag}.")) <= 2e-5
        if f"{tag}.scale{k:02d}.input" in fixture.tensors:
            assert max_error(inputs[k - 1][0].flatten(0, 1), fixture.scale(k, "input", f"{tag}.")) <= 1e-5
    assert max_error(result.latent[0], fixture[f"{tag}.quant_pre"].permute(1, 2, 0)) <= 1e-5


@every_fixture
def test_default_equals_reference_where_nothing_is_padded(name: str) -> None:
    fixture = load(name)
    full = [tag for tag in tags(fixture) if generation(fixture, tag)["m_len"] == fixture.spec.max_frames]
    if not full:
        pytest.skip("no motion of full length in the fixture")
    for tag in full:
        result = run(fixture, tag, reference_transformer(fixture), "zero", ramp=True)
        for k, bits in enumerate(result.maps.bits):
            assert torch.equal(bits[0], fixture.scale(k, "bits", f"{tag}.").bool()), f"scale {k}"


@every_fixture
def test_default_computes_only_cells_inside_the_motion(name: str) -> None:
    """Known defects: the reference computes its full length, and lets codes spill over the end of a motion."""
    fixture = load(name)
    model = reference_transformer(fixture)
    for tag in tags(fixture):
        cells = -(-generation(fixture, tag)["m_len"] // fixture.spec.frames_per_cell)
        if cells == fixture.spec.cells:
            continue
        cropped, full = run(fixture, tag, model, "zero"), run(fixture, tag, model, "reference")
        assert cropped.latent.shape[1] == cells
        assert full.latent.shape[1] == fixture.spec.cells
        if fixture.spec.sizes[0][0] == 1:
            assert full.latent[:, cells:].abs().max() > 0, "the code of the one cell reaches over the end"
        size = cropped.maps.bits[0].shape[1]
        first = fixture.scale(0, "bits", f"{tag}.").bool()[:size]
        assert torch.equal(cropped.maps.bits[0][0], first), "the first scale has no input to differ in"


@every_fixture
def test_reference_pair_in_one_batch(name: str) -> None:
    """Known defect: the reference cannot generate gen0 and gen1 together; `batch_of_two` says what should come out."""
    fixture = load(name)
    model = reference_transformer(fixture)
    entries = [generation(fixture, tag) for tag in ("gen0", "gen1")]
    assert entries[0]["cfg"] == entries[1]["cfg"]
    assert entries[0]["tau"] == entries[1]["tau"]
    rows = torch.tensor([entry["prompt_index"] for entry in entries])
    result = generate(
        model,
        Pyramid(fixture.spec, padding="reference"),
        reference_prompts(fixture)[rows],
        torch.tensor([entry["m_len"] for entry in entries]),
        generators=None,
        guidance=entries[0]["cfg"],
        temperature=entries[0]["tau"],
    )
    for row, tag in enumerate(("gen0", "gen1")):
        for k, bits in enumerate(result.maps.bits):
            assert torch.equal(bits[row], fixture.scale(k, "bits", f"{tag}.").bool()), f"{tag}, scale {k}"
