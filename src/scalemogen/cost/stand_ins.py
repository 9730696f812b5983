"""What a recipe needs and the machine may not have: data, frozen word features, a trained tokenizer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from scalemogen.checkpoints import Bundle, describe
from scalemogen.contracts import DataFacts, MotionBatch, TextFeatures, TokenSpec
from scalemogen.cost.pretend import Pretence
from scalemogen.data_modules import BVH, MotionDataModule, Synthetic
from scalemogen.data_modules.dataset import random_crops
from scalemogen.data_modules.published.modules import Published
from scalemogen.data_modules.store import is_store
from scalemogen.data_modules.writer import TRAIN
from scalemogen.errors import UserError
from scalemogen.motion import get_layout
from scalemogen.skeletons import get_skeleton
from scalemogen.skeletons.maps import get_joint_map
from scalemogen.tasks.text import TextChoice
from scalemogen.text import SmallTextEncoder, TextEncoder
from scalemogen.tokenizer import MotionTokenizer

FROZEN = {"minilm": (384, 256), "t5": (2048, 512)}
"""Width and most tokens of frozen encoders; of t5, those of google/flan-t5-xl."""
T5_WIDTHS = {"small": 512, "base": 768, "large": 1024, "xl": 2048, "xxl": 4096}


@dataclass(frozen=True)
class KnownData:
    """What is known of a recipe's data; all that a task asks of a data module when it builds its networks.

    Attributes:
        facts: skeleton, layout and frame rate; statistics too where `path` is given.
        path: the store, None where there is none yet.
        longest: frames of the longest training batch.
        mean: mean frames of a training clip as trained on; None without a store.
        alike: whether every epoch shows a clip alike, so that its latents are computed once for all of them.
    """

    facts: DataFacts
    path: Path | None
    longest: int
    mean: int | None
    alike: bool = True

    @property
    def cutting(self) -> dict[str, int]:
        """Return nothing: no clip is cut."""
        return {}

    def steady(self, split: str) -> Sequence[MotionBatch]:
        """Return no clips."""
        return []

    def captions(self, split: str) -> Sequence[str]:
        """Return one caption: vocabularies are not learned from it."""
        return ["a person walks"]


def know(module: MotionDataModule) -> KnownData:
    """Return what is known of the data: of its store where it stands, else of the data module's options alone.

    Raises:
        UserError: there is no store, and the options do not name a skeleton.
    """
    path = _store(module)
    if path is None:
        return assume(module)
    loading = module.loading
    frames = random_crops(module.store, TRAIN, loading.min_frames, loading.max_frames).frames
    if not len(frames):
        raise UserError(f"{path}: no training clip has {loading.min_frames} frames")
    return KnownData(module.facts, path, int(frames.max()), round(float(frames.mean())), not loading.speed)


def assume(module: MotionDataModule) -> KnownData:
    """Return what the data module's options say of its data, whether it is there or not.

    Raises:
        UserError: they do not name a skeleton.
    """
    return KnownData(_facts(module), None, module.loading.max_frames, None, not module.loading.speed)


def _store(module: MotionDataModule) -> Path | None:
    try:
        path = module.path  # of data that is built from files: named after them, so they must be there
    except UserError:
        return None
    return path if is_store(path) else None


def _facts(module: MotionDataModule) -> DataFacts:
    skeleton, layout, fps = _form(module)
    known = get_skeleton(skeleton)
    width = get_layout(layout).width(known)
    statistics = torch.zeros(width), torch.ones(width)
    return DataFacts(type(module).__name__, known, layout, fps, *statistics, "none", "none", {})


def _form(module: MotionDataModule) -> tuple[str, str, float]:
    if isinstance(module, Synthetic):
        return "humanml3d", module.layout, module.fps
    if isinstance(module, Published):
        form = module.reader.form
        return form.skeleton, form.layout, form.fps
    if isinstance(module, BVH):
        takes = module.takes
        skeleton = get_joint_map(takes.joint_map).skeleton if takes.joint_map else takes.skeleton
        if not skeleton:
            raise UserError(f"{takes.source} is not there, and the recipe names no skeleton (data.init_args.skeleton)")
        return skeleton, takes.layout, takes.fps
    raise UserError(f"data of the recipe ({type(module).__name__}) is not there, and its options name no skeleton")


class FrozenWords(nn.Module):
    """Stands for a frozen text encoder whose features come out of a cache: no weights, features without content.

    Args:
        width: E.
        max_tokens: most tokens of a caption.
        words: S, tokens of every caption.
        pretence: makes the features; None makes random ones.
    """

    frozen = False  # then nobody looks for cached features

    def __init__(self, width: int, max_tokens: int, words: int, pretence: Pretence | None) -> None:
        super().__init__()
        self.width = width
        self.max_tokens = max_tokens
        self._words = words
        self._pretence = pretence

    def forward(self, captions: Sequence[str], truncate: bool = False) -> TextFeatures:
        """Return features (B, S, E)."""
        size = (len(captions), self._words, self.width)
        tokens = torch.randn(size) if self._pretence is None else self._pretence.empty(*size)
        return TextFeatures(tokens, torch.ones(size[:2], dtype=torch.bool))


class Words(TextChoice):
    """A recipe's text encoder, for captions of a given number of tokens, without vocabulary and weights.

    Args:
        asked: the recipe's choice.
        words: S, tokens of every caption.
        pretence: see `FrozenWords`.
    """

    def __init__(self, asked: TextChoice, words: int, pretence: Pretence | None) -> None:
        super().__init__(**vars(asked))
        self._words = words
        self._pretence = pretence

    def make(self, captions: Sequence[str]) -> TextEncoder:
        """Make the encoder; "small" has as many word pieces as the recipe allows it.

        Raises:
            UserError: a t5 whose width is not known.
        """
        if self.kind == "small":
            encoder = SmallTextEncoder(
                width=self.width, layers=self.layers, dropout=self.dropout, vocab_size=self.vocabulary
            )
            pieces = (1,) * min(self._words, encoder.max_tokens)
            encoder.token_ids = lambda caption: pieces  # type: ignore[method-assign]
            return encoder
        width, most = FROZEN[self.kind]
        if self.kind == "t5":
            width = self._t5_width()
        # It has all that a task asks of an encoder whose features are kept, and nothing that would need its files.
        return cast(TextEncoder, FrozenWords(width, most, min(self._words, most), self._pretence))

    def _t5_width(self) -> int:
        size = self.name.lower().rpartition("-")[2]
        if size not in T5_WIDTHS:
            raise UserError(
                f"model.text.name is {self.name}; the width of its features is known for names that end in "
                f"{', '.join(T5_WIDTHS)}"
            )
        return T5_WIDTHS[size]


class KeptLatents:
    """Stands for the latents of a frozen tokenizer that were computed before: without content, or random.

    Args:
        spec: of the tokenizer.
        pretence: makes them; None makes random ones.
    """

    def __init__(self, spec: TokenSpec, pretence: Pretence | None) -> None:
        self._spec = spec
        self._pretence = pretence

    def encode(self, batch: MotionBatch) -> Tensor:
        """Return latents (B, N, G, D)."""
        cells = -(-int(batch.lengths.max()) // self._spec.frames_per_cell)
        size = (len(batch.lengths), cells, self._spec.parts, self._spec.bits)
        return torch.randn(size) if self._pretence is None else self._pretence.empty(*size)


def untrained(spec: TokenSpec, arguments: dict[str, Any], facts: DataFacts) -> Bundle:
    """Return a tokenizer as `checkpoints.load_model` would, with weights that nobody has trained."""
    tokenizer = MotionTokenizer(spec, facts.skeleton, **arguments).eval()
    description = describe(facts=facts, spec=spec, tokenizer=arguments)
    return Bundle(facts, spec, tokenizer, None, None, {}, description)


def random_features(frames: int, batch: int, facts: DataFacts) -> Tensor:
    """Return normalised features (B, T, F) with content, to run the same step in earnest."""
    return torch.randn(batch, frames, len(facts.mean))
