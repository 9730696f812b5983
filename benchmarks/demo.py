"""Generation with networks of the demo's sizes, from the sentence to the motion's features."""

from __future__ import annotations

import torch

from scalemogen.benchmarks.flops import frames_to_cells
from scalemogen.benchmarks.models import (
    clip_frames,
    count_words,
    make_source,
    on_tokenizer,
    recipe_model,
    sentences,
    small_text_products,
    tokenizer_shape,
    transformer_shape,
)
from scalemogen.benchmarks.rows import Settings
from scalemogen.benchmarks.work import Work, autocast
from scalemogen.sampling import generate, seeded_generators
from scalemogen.tasks import ARTask, TokenizerTask
from scalemogen.text import SmallTextEncoder


def demo_task() -> tuple[TokenizerTask, ARTask]:
    """Return both stages of the demo, built, with random weights."""
    source = make_source("humanml3d")
    first = TokenizerTask(**recipe_model("tokenizer", "demo"))
    first.build(source)
    return first, on_tokenizer(first, recipe_model("ar", "demo"), source, None)


def generation(settings: Settings, *, batch: int) -> Work:
    """Return text encoding, generation and decoding of motions of mixed lengths, with the recipe's guidance."""
    first, task = demo_task()
    task = task.to(settings.device).eval()
    encoder = task.text_encoder
    assert isinstance(encoder, SmallTextEncoder)
    frames = clip_frames(min(batch, 3) if settings.toy else batch)
    lengths = torch.tensor(frames, device=settings.device)
    source = make_source("humanml3d")
    captions = list(sentences()[: len(frames)])

    @torch.no_grad()
    def run() -> None:
        with autocast(settings):
            made = generate(
                task.transformer,
                task.tokenizer.pyramid,
                encoder(captions),
                lengths,
                generators=seeded_generators(range(len(frames))),
                guidance=task.sampling.guidance,
                temperature=task.sampling.temperature,
            )
            task.tokenizer.decode(made.latent, lengths)

    cells, words = frames_to_cells(task.spec, frames), count_words(encoder, captions)
    drawn = transformer_shape(task.transformer, encoder.width).by_scale(cells * 2, words * 2)
    decoded = tokenizer_shape(task.spec, first, source).decoder(cells)
    return Work(run, [*small_text_products(encoder, words), *drawn, *decoded])
