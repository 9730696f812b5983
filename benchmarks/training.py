"""Training steps of the shipped recipes for a CPU, on noise of the lengths of procedural clips."""

from __future__ import annotations

from scalemogen.benchmarks.flops import frames_to_cells, with_backward
from scalemogen.benchmarks.models import (
    clip_frames,
    count_words,
    make_batch,
    make_source,
    on_tokenizer,
    recipe_model,
    small_text_products,
    tokenizer_shape,
    training_step,
    transformer_shape,
)
from scalemogen.benchmarks.rows import Settings
from scalemogen.benchmarks.work import Work, autocast
from scalemogen.tasks import TokenizerTask
from scalemogen.text import SmallTextEncoder

BATCH = 16
SKELETONS = {"demo": "humanml3d", "bandai_namco": "bandai_namco"}
LONGEST = {"demo": 1.0, "bandai_namco": 160 / 115}
"""Clips of motion capture are longer than the demo's: all lengths are stretched until the longest has 160 frames."""


def recipe_step(settings: Settings, *, stage: str, recipe: str) -> Work:
    """Return a training step of a shipped recipe on 16 clips of mixed lengths; the text encoder is part of stage 2's.

    Args:
        settings: see `Settings`.
        stage: "tokenizer" or "ar".
        recipe: "demo" or "bandai_namco".
    """
    source = make_source(SKELETONS[recipe])
    lengths = [round(LONGEST[recipe] * frames) for frames in clip_frames(3 if settings.toy else BATCH)]
    batch = make_batch(source, lengths, settings.device)
    first = TokenizerTask(**recipe_model("tokenizer", recipe))
    first.build(source)
    spec = first.tokenizer.spec
    shape, cells = tokenizer_shape(spec, first, source), frames_to_cells(spec, lengths)
    if stage == "tokenizer":
        step = training_step(first.to(settings.device), batch)
        products = with_backward(shape.encoder(cells) + shape.decoder(cells))
    else:
        task = on_tokenizer(first, recipe_model("ar", recipe), source, None)
        step = training_step(task.to(settings.device), batch)
        encoder = task.text_encoder
        assert isinstance(encoder, SmallTextEncoder)
        words = count_words(encoder, batch.captions)
        trained = transformer_shape(task.transformer, encoder.width).whole(cells, words)
        products = with_backward(trained + small_text_products(encoder, words)) + shape.encoder(cells)

    def run() -> None:
        with autocast(settings):
            step()

    return Work(run, products)
