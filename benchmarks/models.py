"""Networks with random weights, tasks of the shipped recipes, and batches that need no data set."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import torch
import yaml
from torch import Tensor, nn

from scalemogen.ar import NextScaleTransformer
from scalemogen.benchmarks.flops import Product, TokenizerShape, TransformerShape, text_encoder
from scalemogen.contracts import DataFacts, MotionBatch, Scale, TextFeatures, TokenSpec
from scalemogen.motion import get_layout
from scalemogen.scales import scales_from_count
from scalemogen.skeletons import get_skeleton
from scalemogen.synthetic import generate_clip
from scalemogen.tasks import ARTask, Sampling, Schedule, TextChoice, TokenizerTask
from scalemogen.text import SmallTextEncoder

RECIPES = Path(__file__).resolve().parents[1] / "experiments"
"""Of this revision, also where another one's package is measured: both do the same work."""

CAPTIONS = 200
FIRST_CLIP = 48
"""Procedural clips 48 to 63 make a batch of which 34 % would be padding, as it is in batches of the demo's training."""

NESTED: dict[str, Callable[..., Any]] = {"schedule": Schedule, "text": TextChoice, "sampling": Sampling}
SMALL_HEADS, SMALL_RATIO = 4, 2.0
"""Of `SmallTextEncoder`, where a recipe does not say."""


@dataclass(frozen=True)
class Source:
    """What a task asks of a data module, without data."""

    facts: DataFacts

    def captions(self, split: str) -> Sequence[str]:
        """Return all sentences."""
        return sentences()

    @property
    def cutting(self) -> dict[str, int]:
        """No limits."""
        return {}

    def steady(self, split: str) -> list[MotionBatch]:
        """Return no batches: nothing is kept from one epoch to the next."""
        return []


@cache
def sentences() -> tuple[str, ...]:
    """Return captions of procedural clips."""
    return tuple(generate_clip(n, 0, 20.0, simple=True).captions[0] for n in range(CAPTIONS))


def clip_frames(count: int) -> list[int]:
    """Return the frames of so many procedural clips of the demo, 41 to 115; of one, a middling length."""
    numbers = [FIRST_CLIP + 13] if count == 1 else range(FIRST_CLIP, FIRST_CLIP + count)
    return [generate_clip(n, 0, 20.0, simple=True).motion.frames for n in numbers]


def make_source(skeleton: str) -> Source:
    """Return a source of features with mean 0 and deviation 1."""
    tree, layout = get_skeleton(skeleton), get_layout("humanml3d")
    width = layout.width(tree)
    facts = DataFacts(
        name="noise",
        skeleton=tree,
        layout=layout.name,
        fps=20.0,
        mean=torch.zeros(width),
        std=torch.ones(width),
        licence="CC0",
        citation="Made for a measurement.",
        digests={"train": "0"},
    )
    return Source(facts)


def make_batch(source: Source, lengths: Sequence[int], device: str) -> MotionBatch:
    """Return random features of clips of these lengths, padded to the longest."""
    frames, layout = torch.tensor(lengths), get_layout(source.facts.layout)
    inside = torch.arange(max(lengths)) < frames[:, None]
    generator = torch.Generator().manual_seed(0)
    size = (len(lengths), max(lengths), layout.width(source.facts.skeleton))
    features = torch.randn(size, generator=generator) * inside[..., None]
    names = [str(n) for n in range(len(lengths))]
    return MotionBatch(features, frames, list(sentences()[: len(lengths)]), names).to(device)


def random_text(batch: int, words: int, width: int, device: str) -> TextFeatures:
    """Return word features (B, S, E) without padding."""
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randn(batch, words, width, generator=generator)
    return TextFeatures(tokens, torch.ones(batch, words, dtype=torch.bool)).to(device)


def recipe_model(stage: str, name: str, **changes: Any) -> dict[str, Any]:
    """Return the "model" part of a shipped recipe, with changes, as arguments of its task."""
    content = yaml.safe_load((RECIPES / stage / f"{name}.yaml").read_text("utf-8"))
    arguments: dict[str, Any] = {**content["model"], **changes}
    for key, kind in NESTED.items():
        if isinstance(arguments.get(key), dict):
            arguments[key] = kind(**arguments[key])
    asked = arguments["optimizer"]
    module, _, cls = asked["class_path"].rpartition(".")
    options = {key: tuple(value) if isinstance(value, list) else value for key, value in asked["init_args"].items()}
    arguments["optimizer"] = partial(getattr(import_module(module), cls), **options)
    if stage == "tokenizer":
        arguments["max_frames"] = content["data"]["init_args"]["loading"]["max_frames"]
    return arguments


def on_tokenizer(first: TokenizerTask, arguments: dict[str, Any], source: Source, text: TextFeatures | None) -> ARTask:
    """Return a built task of stage 2 on the tokenizer of a built task of stage 1.

    Args:
        first: stage 1.
        arguments: of stage 2.
        source: of both.
        text: word features of every batch; None makes the text encoder that `arguments` names.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tokenizer"
        first.save_model(path, first.state_dict(), {})
        task = ARTask(**{**arguments, "tokenizer": str(path)})
        if text is not None:
            give_words(task, text)
        task.build(source)
    return task


def training_step(task: TokenizerTask | ARTask, batch: MotionBatch) -> Callable[[], None]:
    """Return what a training step of a built task does: forward, backward, optimiser. Nothing is logged."""
    for name in ("log", "log_dict"):
        setattr(task, name, _nothing)
    task.train()
    task._trainer = cast(Any, SimpleNamespace(estimated_stepping_batches=1000, strategy=None))  # the schedule's length
    optimiser = cast(torch.optim.Optimizer, cast(Any, task.configure_optimizers())["optimizer"])
    task._trainer = None

    def step() -> None:
        optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(task.training_step(batch, 0))
        optimiser.step()

    return step


def _nothing(*_: Any, **__: Any) -> None:
    """Log nothing."""


def tokenizer_shape(spec: TokenSpec, task: TokenizerTask, source: Source) -> TokenizerShape:
    """Return what the arithmetic of a task's tokenizer depends on."""
    return TokenizerShape(spec, source.facts.skeleton, task.arguments["width"], task.arguments["blocks"])


def transformer_shape(network: NextScaleTransformer, text_width: int) -> TransformerShape:
    """Return what the arithmetic of a transformer depends on; its feed-forward width is four times its own, rounded."""
    width = network.heads * network.head_dim
    hidden = max(1, round(4 * width / 256)) * 256
    return TransformerShape(network.spec, text_width, width, len(network.blocks), network.heads, hidden)


def small_text_products(encoder: SmallTextEncoder, words: Sequence[int]) -> list[Product]:
    """Return the useful arithmetic of the small text encoder."""
    hidden = round(encoder.mlp_ratio * encoder.width)
    return text_encoder(
        words, width=encoder.width, hidden=hidden, layers=encoder.layers, heads=encoder.heads, gated=True
    )


def count_words(encoder: SmallTextEncoder, captions: Sequence[str]) -> list[int]:
    """Return the text tokens of every caption."""
    return [len(encoder.token_ids(caption)) for caption in captions]


def full_spec(frames: int, scales: Sequence[Any] | None = None) -> TokenSpec:
    """Return a token grid over HumanML3D's skeleton, of 24 bits.

    Args:
        frames: of the longest motion, a multiple of 4.
        scales: as in a recipe; None makes 11 of them for any number of frames.
    """
    skeleton = get_skeleton("humanml3d")
    cells = frames // 4
    if scales is None:
        made = scales_from_count(min(11, cells), cells, skeleton.chain("inner-to-outer"))
    else:
        made = tuple(Scale(divisor, tuple(tuple(group) for group in groups)) for divisor, groups in scales)
    return TokenSpec(
        bits=24,
        scales=made,
        cells=cells,
        parts=len(skeleton.parts),
        frames_per_cell=4,
        skeleton=skeleton.name,
        skeleton_digest=skeleton.digest,
        layout="humanml3d",
    )


class GivenWords(nn.Module):
    """A frozen text encoder whose features are there already."""

    frozen = True
    max_tokens = 512

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width


def give_words(task: ARTask, features: TextFeatures) -> None:
    """Have a task take these word features, whatever its recipe's text encoder is."""
    encoder = GivenWords(features.tokens.shape[-1])

    def build(_: object) -> GivenWords:
        task.text_encoder = cast(Any, encoder)
        return encoder

    def lookup(_: list[str]) -> TextFeatures:
        return features

    for name, replacement in (("build_text", build), ("text_features", lookup)):
        setattr(task, name, replacement)


def give_latents(task: ARTask, latents: Tensor) -> None:
    """Have a task take these latents instead of encoding the batch."""

    def encode(*_: object) -> Tensor:  # the batch, and in newer revisions its split
        return latents

    for name, replacement in (("encode", encode),):
        setattr(task, name, replacement)
