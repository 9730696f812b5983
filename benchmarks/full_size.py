"""The setting of experiments/{tokenizer,ar}/humanml3d.yaml with random weights, one network or training step a row."""

from __future__ import annotations

from typing import Any

import torch

from scalemogen.ar import NextScaleTransformer
from scalemogen.benchmarks.flops import frames_to_cells, with_backward
from scalemogen.benchmarks.models import (
    full_spec,
    give_latents,
    make_batch,
    make_source,
    on_tokenizer,
    random_text,
    recipe_model,
    tokenizer_shape,
    training_step,
    transformer_shape,
)
from scalemogen.benchmarks.rows import Settings
from scalemogen.benchmarks.work import Work, autocast
from scalemogen.sampling import generate, seeded_generators
from scalemogen.scales import Pyramid
from scalemogen.tasks import TokenizerTask
from scalemogen.tokenizer import MotionTokenizer

FRAMES = 196
WORDS = 20
"""Text tokens of every sentence."""

TEXT_WIDTH = 2048
"""Of Flan-T5-XL's features, which are random here: neither reading nor computing them is part of a row."""

HEAD = 96
"""Channels of a head, where the width is another than the recipe's."""

NARROW = 48
"""Width of a tokenizer that is not used."""

GUIDANCE, TEMPERATURE = 7.0, 1.3


def _tokenizer_arguments(settings: Settings, width: int = 0, longest: int = FRAMES) -> dict[str, Any]:
    """Return the recipe's arguments, but for the width unless 0, and for a grid of other motions than 196 frames."""
    changes: dict[str, Any] = {"width": 8, "blocks": 1} if settings.toy else {"width": width} if width else {}
    arguments = recipe_model("tokenizer", "humanml3d", **changes)
    return arguments if longest == FRAMES else {**arguments, "max_frames": longest, "scales": None}


def _ar_arguments(settings: Settings, width: int = 0, depth: int = 0) -> dict[str, Any]:
    """Return the recipe's arguments, but for width and depth unless 0; heads keep their 96 channels."""
    changes = {"width": width, "heads": width // HEAD} if width else {}
    changes |= {"depth": depth} if depth else {}
    return recipe_model("ar", "humanml3d", **({"width": 16, "depth": 1, "heads": 2} if settings.toy else changes))


def _text_width(settings: Settings) -> int:
    return 16 if settings.toy else TEXT_WIDTH


def generation(
    settings: Settings, *, frames: int = FRAMES, batch: int = 1, width: int = 0, depth: int = 0, longest: int = FRAMES
) -> Work:
    """Return the generation of the bits of motions, all of one length, with guidance.

    Args:
        settings: see `Settings`.
        frames: of every motion.
        batch: motions.
        width: of the transformer, a multiple of 96; 0 = the recipe's.
        depth: blocks; 0 = the recipe's.
        longest: frames of the longest motion that the token grid has.
    """
    arguments = _ar_arguments(settings, width, depth)
    sizes = {name: arguments[name] for name in ("width", "depth", "heads")}
    spec = full_spec(longest, _tokenizer_arguments(settings, longest=longest)["scales"])
    network = NextScaleTransformer(spec, text_width=_text_width(settings), **sizes).to(settings.device).eval()
    pyramid = Pyramid(spec).to(settings.device)
    text = random_text(batch, WORDS, _text_width(settings), settings.device)
    lengths = torch.full((batch,), frames, device=settings.device)

    def run() -> None:
        with autocast(settings):
            generate(
                network,
                pyramid,
                text,
                lengths,
                generators=seeded_generators(range(batch)),
                guidance=GUIDANCE,
                temperature=TEMPERATURE,
            )

    cells = frames_to_cells(spec, [frames] * batch) * 2  # with and without text
    shape = transformer_shape(network, _text_width(settings))
    return Work(run, shape.by_scale(cells, [WORDS] * len(cells)))


def coding(settings: Settings, *, decode: bool, batch: int = 32) -> Work:
    """Return encoding clips of 196 frames to latents, or decoding latents."""
    task, source = TokenizerTask(**_tokenizer_arguments(settings)), make_source("humanml3d")
    task.build(source)
    network: MotionTokenizer = task.tokenizer.to(settings.device).eval()
    batch = 2 if settings.toy else batch
    given = make_batch(source, [FRAMES] * batch, settings.device)
    shape, cells = tokenizer_shape(network.spec, task, source), frames_to_cells(network.spec, [FRAMES] * batch)
    latents = torch.randn(
        batch, cells[0], network.spec.parts, network.spec.bits, generator=torch.Generator().manual_seed(0)
    ).to(settings.device)

    @torch.no_grad()
    def run() -> None:
        with autocast(settings):
            if decode:
                network.decode(latents, given.lengths)
            else:
                network.encode(given.features, given.lengths)

    return Work(run, shape.decoder(cells) if decode else shape.encoder(cells))


def tokenizer_step(
    settings: Settings, *, batch: int, frames: int = FRAMES, width: int = 0, longest: int = FRAMES
) -> Work:
    """Return a training step of stage 1 on clips of one length.

    Args:
        settings: see `Settings`.
        batch: clips.
        frames: of every clip.
        width: of the tokenizer; 0 = the recipe's.
        longest: frames of the longest motion that the token grid has.
    """
    arguments = _tokenizer_arguments(settings, width, longest)
    task, source = TokenizerTask(**arguments), make_source("humanml3d")
    task.build(source)
    step = training_step(task.to(settings.device), make_batch(source, [frames] * batch, settings.device))

    def run() -> None:
        with autocast(settings):
            step()

    shape, cells = tokenizer_shape(task.tokenizer.spec, task, source), [-(-frames // 4)] * batch
    return Work(run, with_backward(shape.encoder(cells) + shape.decoder(cells)))


def ar_step(
    settings: Settings,
    *,
    batch: int,
    given: bool,
    frames: int = FRAMES,
    width: int = 0,
    depth: int = 0,
    longest: int = FRAMES,
) -> Work:
    """Return a training step of stage 2 on clips of one length.

    Args:
        settings: see `Settings`.
        batch: clips.
        given: latents are there already; else the frozen tokenizer encodes the batch in every step.
        frames: of every clip.
        width: of the transformer, a multiple of 96; 0 = the recipe's.
        depth: blocks; 0 = the recipe's.
        longest: frames of the longest motion that the token grid has.
    """
    source = make_source("humanml3d")
    unused = NARROW if given else 0
    first = TokenizerTask(**_tokenizer_arguments(settings, unused, longest))
    first.build(source)
    text = random_text(batch, WORDS, _text_width(settings), settings.device)
    task = on_tokenizer(first, _ar_arguments(settings, width, depth), source, text)
    clips = make_batch(source, [frames] * batch, settings.device)
    cells, spec = [-(-frames // 4)] * batch, task.spec
    if given:
        size = (batch, cells[0], spec.parts, spec.bits)
        give_latents(task, torch.randn(size, generator=torch.Generator().manual_seed(0)).to(settings.device))
    step = training_step(task.to(settings.device), clips)

    def run() -> None:
        with autocast(settings):
            step()

    shape = transformer_shape(task.transformer, _text_width(settings))
    products = with_backward(shape.whole(cells, [WORDS] * batch))
    return Work(run, products if given else products + tokenizer_shape(spec, first, source).encoder(cells))
