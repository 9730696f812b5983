"""Parts around the networks: text features, batches from a store, metrics of embeddings."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Literal

import torch

from scalemogen.benchmarks.flops import Product, text_encoder
from scalemogen.benchmarks.models import count_words, recipe_model, sentences, small_text_products
from scalemogen.benchmarks.rows import Settings
from scalemogen.benchmarks.stores import BATCH, DENSE_CLIPS, generate_store
from scalemogen.benchmarks.work import Work, autocast
from scalemogen.data_modules import Loading, Stored
from scalemogen.metrics import FrechetDistance, RPrecision
from scalemogen.text import MiniLMTextEncoder, SmallTextEncoder, TextEncoder

SENTENCES = 64
SAMPLES, WIDTH = 10_000, 512


def text(settings: Settings, *, kind: Literal["small", "minilm"]) -> Work:
    """Return encoding sentences.

    Raises:
        UserError: the weights of "minilm" are not installed.
    """
    captions = list(sentences()[:SENTENCES])
    encoder, products = _minilm(captions) if kind == "minilm" else _small(captions)
    encoder = encoder.to(settings.device).eval()

    @torch.no_grad()
    def run() -> None:
        with autocast(settings):
            encoder(captions)

    return Work(run, products)


def _small(captions: list[str]) -> tuple[TextEncoder, list[Product]]:
    encoder = recipe_model("ar", "demo")["text"].make(sentences())
    assert isinstance(encoder, SmallTextEncoder)
    return encoder, small_text_products(encoder, count_words(encoder, captions))


def _minilm(captions: list[str]) -> tuple[TextEncoder, list[Product]]:
    encoder = MiniLMTextEncoder()
    words = encoder(captions).mask.sum(1).tolist()
    return encoder, text_encoder(words, width=encoder.width, hidden=1536, layers=6, heads=12, gated=False)


def loader(settings: Settings) -> Work:
    """Return reading the next training batch from a store whose pages are in memory, in this process."""
    folder = tempfile.TemporaryDirectory()
    path = Path(folder.name) / "store"
    generate_store(path, 200 if settings.toy else DENSE_CLIPS, noise=True)
    batches = Stored(str(path), loading=Loading(batch_size=BATCH)).train_dataloader()
    taken = iter(batches)

    def run() -> None:
        nonlocal taken
        if next(taken, None) is None:
            taken = iter(batches)
            next(taken)

    return Work(run, folder=folder)


def _embeddings(settings: Settings, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    size = (200, 8) if settings.toy else (SAMPLES, WIDTH)
    return torch.randn(size, generator=generator).to(settings.device)


def fid(settings: Settings) -> Work:
    """Return the Fréchet distance of two sets of embeddings, added whole and compared."""
    real, made = _embeddings(settings, 0), _embeddings(settings, 1)

    def run() -> None:
        metric = FrechetDistance(real.shape[1]).to(settings.device)
        metric.update(real, real=True)
        metric.update(made, real=False)
        metric.compute()

    return Work(run)


def precision(settings: Settings) -> Work:
    """Return R-precision of pairs of embeddings, pools drawn."""
    texts, motions = _embeddings(settings, 0), _embeddings(settings, 1)
    indices = torch.arange(len(texts), device=settings.device)

    def run() -> None:
        metric = RPrecision(texts.shape[1]).to(settings.device)
        metric.update(texts, motions, indices)
        metric.compute()

    return Work(run)
