"""The text-motion retrieval network in which SnapMoGen results are published.

Architecture after TMR (Petrovich et al., ICCV 2023): one transformer for word features, one for motions, each with two
learned tokens in front whose outputs are mean and log variance of a Gaussian. Only means are used here. Names and
shapes of the weights are those of the published file; what does not show in weights (heads, activation, longest text)
is read from the configuration that is published with them.

Axis letters: B batch, T frames, F features per frame, S positions of a sequence, E width of an embedding.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal, Self, final

import torch
from einops import repeat
from pydantic import BaseModel, Field, ValidationError, model_validator
from torch import Tensor, nn

from scalemogen.contracts import length_mask
from scalemogen.errors import UserError
from scalemogen.evaluators.base import Evaluator, MotionEmbeddings
from scalemogen.evaluators.published import folder_of, read_states, read_statistics, require_metres, text_of
from scalemogen.files import digest_json, parse_yaml
from scalemogen.motion.layouts import get_layout
from scalemogen.motion.normaliser import Normaliser
from scalemogen.skeletons import get_skeleton
from scalemogen.text import T5TextEncoder, TextEncoder
from scalemogen.weights import load_strictly

WEIGHTS = "net_best_top1.tar"
PARTS = ("latent_enc", "text_enc")
FILES = {
    WEIGHTS: "the weights, model/net_best_top1.tar of the download",
    "evaluator.yaml": "its configuration, beside model/ in the download",
    "mean.npy": "meta_data/mean.npy of the data set",
    "std.npy": "meta_data/std.npy of the data set",
    "t5": "google/t5-v1_1-base as a folder: config.json, tokeniser, model.safetensors",
}
SOURCE = (
    "The evaluator comes with github.com/snap-research/SnapMoGen, prepare/download_evaluators.sh"
    " (evaluator/eval_klde-5_late-5_nlayer6_norm), mean and deviation with the data set"
)

MOST_FRAMES = 320
PERIOD = 10_000.0

Size = Annotated[int, Field(gt=0)]


class _Encoder(BaseModel):
    latent_dim: Size
    ff_size: Size
    num_layers: Size
    num_heads: Size
    activation: Literal["gelu", "relu"]

    @model_validator(mode="after")
    def _divides(self) -> Self:
        if self.latent_dim % self.num_heads:
            raise ValueError(f"latent_dim {self.latent_dim} is no multiple of num_heads {self.num_heads}")
        return self


class _Data(BaseModel):
    dim_pose: Size
    max_text_length: Size


class _Embedder(BaseModel):
    dim_embed: Size
    version: str


class Configuration(BaseModel):
    """What evaluator.yaml says of the network; how it was trained is passed over."""

    vae: Literal[True]
    data: _Data
    text_embedder: _Embedder
    latent_encoder: _Encoder
    text_encoder: _Encoder


class SequenceEncoder(nn.Module):
    """Sequences (B, S, inputs) to their first token's output and mean, each (B, E)."""

    def __init__(
        self,
        inputs: int,
        *,
        width: int,
        feed_forward: int,
        layers: int,
        heads: int,
        activation: Literal["gelu", "relu"],
    ) -> None:
        super().__init__()
        self.projection = nn.Linear(inputs, width)
        self.tokens = nn.Parameter(torch.randn(2, width))
        layer = nn.TransformerEncoderLayer(width, heads, feed_forward, activation=activation, batch_first=True)
        self.seqTransEncoder = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)  # the file's name
        self.linear = nn.Linear(width, width)

    def forward(self, inputs: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return both (B, E) of inputs (B, S, inputs); mask (B, S), True = inside."""
        tokens = repeat(self.tokens, "k e -> b k e", b=len(inputs))
        sequence = torch.cat((tokens, self.projection(inputs)), dim=1)
        sequence = sequence + positions(sequence.shape[1], sequence.shape[2]).to(sequence)
        hidden = torch.cat((mask.new_zeros(len(mask), len(self.tokens)), ~mask), dim=1)
        first: Tensor = self.seqTransEncoder(sequence, src_key_padding_mask=hidden)[:, 0]
        return first, self.linear(first)


def positions(count: int, width: int) -> Tensor:
    """Return sines and cosines (count, width) of positions, in turn over the channels; periods up to 10,000 x 2 pi."""
    steps = torch.arange(0, width, 2) * (-math.log(PERIOD) / width)
    angles = torch.arange(count)[:, None] * steps.exp()
    return torch.stack((angles.sin(), angles.cos()), dim=-1).flatten(1)[:, :width]


@final
class SnapMoGenEvaluator(Evaluator):
    """The official evaluator of SnapMoGen; cosine.

    It sees the first 148 features: root and rotations. Retrieval is on the mean, after the last linear layer; FID,
    diversity and multimodality on what goes into that layer.

    Args:
        configuration: content of evaluator.yaml.
        normaliser: mean and deviation of the data set, (F,), metres.
        text: the T5 whose word features the network was trained on.
    """

    def __init__(self, *, configuration: Configuration, normaliser: Normaliser, text: TextEncoder) -> None:
        skeleton = get_skeleton("snapmogen")
        layout = get_layout("snapmogen")
        super().__init__(
            name="snapmogen",
            distance="cosine",
            skeleton=skeleton.name,
            skeleton_digest=skeleton.digest,
            layout=layout.name,
            fps=30.0,
        )
        self._width = layout.width(skeleton)
        self._height = layout.groups(skeleton)["height"][0]
        self._seen = configuration.data.dim_pose
        self.text = text
        self.latent_enc = _encoder(configuration.latent_encoder, self._seen)
        self.text_enc = _encoder(configuration.text_encoder, configuration.text_embedder.dim_embed)
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer("mean", normaliser.mean)
        self.register_buffer("std", normaliser.std)

    @classmethod
    def from_folder(cls, path: Path) -> Self:
        """Load the files named in `FILES`, in evaluation mode; `path` is their folder, or one of them.

        The T5 is read when the first sentence is embedded.

        Raises:
            UserError: a missing, damaged or foreign file; weights of other names or shapes, the first one named.
        """
        folder = folder_of(path, FILES, SOURCE)
        configuration = read_configuration(folder / "evaluator.yaml")
        states = read_states(folder / WEIGHTS, PARTS)
        normaliser = read_statistics(folder / "mean.npy", folder / "std.npy", "snapmogen", "snapmogen")
        text = T5TextEncoder(str(folder / "t5"), max_tokens=configuration.data.max_text_length)
        width = configuration.text_embedder.dim_embed
        if text.width != width:
            version = configuration.text_embedder.version
            raise UserError(f"{folder / 't5'} has word features of width {text.width}; {version} has {width}")
        evaluator = cls(configuration=configuration, normaliser=normaliser, text=text)
        for part in PARTS:
            load_strictly(evaluator.get_submodule(part), states[part], f"{folder / WEIGHTS}, {part}")
        return evaluator.eval()

    @property
    def width(self) -> int:
        """F: 296."""
        return self._width

    @property
    def digest(self) -> str:
        """Identity of the numbers: weights, statistics, and the T5."""
        return digest_json([super().digest, self.text.digest])

    def encode_motions(self, features: Tensor, lengths: Tensor) -> MotionEmbeddings:
        """Embed motions (B, T, F) of up to 320 frames; see `Evaluator.embed_motions`.

        Raises:
            UserError: a longer motion, or features that are not in metres.
        """
        longest = int(lengths.max())
        if longest > MOST_FRAMES:
            raise UserError(f"evaluator {self.name} takes motions of up to {MOST_FRAMES} frames; one has {longest}")
        mask = length_mask(lengths, features.shape[1])
        require_metres(features[..., self._height][mask], float(self.mean[self._height]), self.name)
        normalised = Normaliser(self.mean, self.std).normalise(features)[..., : self._seen]
        distribution, matching = self.latent_enc(normalised, mask)
        return MotionEmbeddings(matching=matching, distribution=distribution)

    def encode_texts(self, captions: Sequence[str], tagged: Sequence[str] | None) -> Tensor:
        """Embed sentences (B, E); a long one keeps its beginning, as in the field. See `Evaluator.embed_texts`."""
        words = self.text(captions, truncate=True)
        matching: Tensor = self.text_enc(words.tokens, words.mask)[1]
        return matching


def read_configuration(path: Path) -> Configuration:
    """Read evaluator.yaml.

    Raises:
        UserError: not YAML, or a field of the network is missing or of a kind that is not built here, named.
    """
    try:
        return Configuration.model_validate(parse_yaml(text_of(path)))
    except UserError:
        raise
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(step) for step in first["loc"]) or "the file"
        raise UserError(f"{path}: {field}: {first['msg']}, got {first['input']!r:.80}") from error
    except ValueError as error:
        raise UserError(f"{path} is not YAML: {error}") from error


def _encoder(sizes: _Encoder, inputs: int) -> SequenceEncoder:
    return SequenceEncoder(
        inputs,
        width=sizes.latent_dim,
        feed_forward=sizes.ff_size,
        layers=sizes.num_layers,
        heads=sizes.num_heads,
        activation=sizes.activation,
    )
