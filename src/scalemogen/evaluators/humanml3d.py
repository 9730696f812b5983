"""The text-motion matching network in which HumanML3D and KIT-ML results are published.

Guo et al., "Generating Diverse and Natural 3D Human Motions from Text", CVPR 2022, section 6; weights and statistics
are theirs. Names and shapes of the weights are those of their file.

Axis letters: B batch, T frames, F features per frame, N cells of four frames, S words, E width of an embedding.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, Self, final

import torch
from einops import rearrange, repeat
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import pack_padded_sequence

from scalemogen.contracts import length_mask
from scalemogen.errors import UserError
from scalemogen.evaluators.base import Evaluator, MotionEmbeddings
from scalemogen.evaluators.published import folder_of, read_states, read_statistics, require_metres
from scalemogen.evaluators.words import CATEGORIES, WordVectors, read_word_vectors
from scalemogen.files import digest_json
from scalemogen.motion.layouts import get_layout
from scalemogen.motion.normaliser import Normaliser
from scalemogen.skeletons import get_skeleton
from scalemogen.weights import load_strictly

WEIGHTS = "finest.tar"
PARTS = ("movement_encoder", "motion_encoder", "text_encoder")
FILES = {
    WEIGHTS: "the weights, text_mot_match/model/finest.tar of the download",
    "mean.npy": "the evaluator's own mean, Comp_v6_KLD005/meta/mean.npy, not the data set's Mean.npy",
    "std.npy": "the evaluator's own deviation, Comp_v6_KLD005/meta/std.npy, not the data set's Std.npy",
    "glove/our_vab_data.npy": "word vectors",
    "glove/our_vab_words.pkl": "their words",
    "glove/our_vab_idx.pkl": "their rows",
}
SOURCE = (
    "The evaluator comes with github.com/EricGuo5513/momask-codes, prepare/download_evaluator.sh (t2m/ is HumanML3D,"
    " kit/ is KIT-ML), the words with prepare/download_glove.sh"
)

CONTACTS = 4
"""Last channels, which the network does not see."""

CELL = 4
"""Frames of one cell."""

MOST_FRAMES = 196
MOVEMENT, MOTION, TEXT, EMBEDDING, WORD = 512, 1024, 512, 512, 300
RATES = {"humanml3d": 20.0, "kit": 12.5}

LARGEST_CONTACT_STD = 0.1
"""A value that is 0 or 1 deviates by 0.5 at most; the evaluator's file has contacts divided by 5 at least."""


class MovementEncoder(nn.Module):
    """Frames (B, T, inputs) to cells (B, T / 4, 512)."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.main = nn.Sequential(
            nn.Conv1d(inputs, MOVEMENT, kernel_size=4, stride=2, padding=1),
            nn.Dropout(0.2),
            nn.LeakyReLU(0.2),
            nn.Conv1d(MOVEMENT, MOVEMENT, kernel_size=4, stride=2, padding=1),
            nn.Dropout(0.2),
            nn.LeakyReLU(0.2),
        )
        self.out_net = nn.Linear(MOVEMENT, MOVEMENT)

    def forward(self, frames: Tensor) -> Tensor:
        """Return (B, T / 4, 512)."""
        cells = self.main(rearrange(frames, "b t f -> b f t"))
        embedded: Tensor = self.out_net(rearrange(cells, "b m n -> b n m"))
        return embedded


class RecurrentEncoder(nn.Module):
    """Sequences (B, S, inputs) to embeddings (B, 512): a GRU in both directions from a learned state, its two ends."""

    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__()
        self.input_emb = nn.Linear(inputs, hidden)
        self.gru = nn.GRU(hidden, hidden, batch_first=True, bidirectional=True)
        self.output_net = nn.Sequential(
            nn.Linear(2 * hidden, hidden), nn.LayerNorm(hidden), nn.LeakyReLU(0.2), nn.Linear(hidden, EMBEDDING)
        )
        self.hidden = nn.Parameter(torch.randn(2, 1, hidden))

    def forward(self, inputs: Tensor, lengths: Tensor) -> Tensor:
        """Return (B, 512), in the order of the batch; lengths (B,) are 1 or more.

        The recurrence needs the batch by falling length: it is sorted and put back inside the packing.
        """
        packed = pack_padded_sequence(self.input_emb(inputs), lengths.cpu(), batch_first=True, enforce_sorted=False)
        _, ends = self.gru(packed, repeat(self.hidden, "d 1 h -> d b h", b=len(inputs)))
        embedded: Tensor = self.output_net(rearrange(ends, "d b h -> b (d h)"))
        return embedded


class SentenceEncoder(RecurrentEncoder):
    """Word vectors (B, S, 300) with their categories added, to embeddings (B, 512)."""

    def __init__(self) -> None:
        super().__init__(WORD, TEXT)
        self.pos_emb = nn.Linear(len(CATEGORIES), WORD)

    def encode(self, vectors: Tensor, categories: Tensor, lengths: Tensor) -> Tensor:
        """Return (B, 512) of vectors (B, S, 300), categories (B, S) int64 and lengths (B,)."""
        codes = functional.one_hot(categories, len(CATEGORIES)).to(vectors)
        embedded: Tensor = self(vectors + self.pos_emb(codes), lengths)
        return embedded


@final
class HumanML3DEvaluator(Evaluator):
    """The official evaluator of HumanML3D (22 joints) or KIT-ML (21); Euclidean distance.

    Motions are cut to whole cells of four frames and, once normalised, padded with zeros to 196 frames, as the field's
    loaders do it: the last cell sees one frame beyond its own. The field does the same with real motions, but leaves
    what a generator wrote beyond the length of its motions.

    Args:
        data: whose evaluator it is.
        normaliser: the evaluator's own mean and deviation, (F,), metres.
        words: its vocabulary, of 300 numbers a word.
    """

    def __init__(self, *, data: Literal["humanml3d", "kit"], normaliser: Normaliser, words: WordVectors) -> None:
        skeleton = get_skeleton(data)
        layout = get_layout("humanml3d-published")
        super().__init__(
            name=data,
            distance="euclidean",
            skeleton=skeleton.name,
            skeleton_digest=skeleton.digest,
            layout=layout.name,
            fps=RATES[data],
        )
        self._width = layout.width(skeleton)
        self._height = layout.groups(skeleton)["height"][0]
        self._words = words
        self.movement_encoder = MovementEncoder(self._width - CONTACTS)
        self.motion_encoder = RecurrentEncoder(MOVEMENT, MOTION)
        self.text_encoder = SentenceEncoder()
        self.mean: Tensor
        self.std: Tensor
        self.vectors: Tensor
        self.register_buffer("mean", normaliser.mean)
        self.register_buffer("std", normaliser.std)
        self.register_buffer("vectors", words.vectors)

    @classmethod
    def from_folder(cls, data: Literal["humanml3d", "kit"], path: Path) -> Self:
        """Load the files named in `FILES`, in evaluation mode; `path` is their folder, or one of them.

        Raises:
            UserError: a missing, damaged or foreign file; weights of other names or shapes, the first one named; the
                data set's deviation in place of the evaluator's.
        """
        folder = folder_of(path, FILES, SOURCE)
        states = read_states(folder / WEIGHTS, PARTS)
        normaliser = read_statistics(folder / "mean.npy", folder / "std.npy", data, "humanml3d-published")
        largest = float(normaliser.std[-CONTACTS:].max())
        if largest > LARGEST_CONTACT_STD:
            raise UserError(
                f"{folder / 'std.npy'} is the data set's, not the evaluator's: contacts deviate by {largest:.3f}; in"
                f" the evaluator's, which has root and contacts divided by 5 or more, by {LARGEST_CONTACT_STD} at most"
            )
        words = read_word_vectors(folder / "glove")
        if words.vectors.shape[1] != WORD:
            raise UserError(f"{folder / 'glove'} has words of {words.vectors.shape[1]} numbers; {WORD} are needed")
        evaluator = cls(data=data, normaliser=normaliser, words=words)
        for part in PARTS:
            load_strictly(evaluator.get_submodule(part), states[part], f"{folder / WEIGHTS}, {part}")
        return evaluator.eval()

    @property
    def width(self) -> int:
        """F: 263, or 251 for KIT-ML."""
        return self._width

    @property
    def digest(self) -> str:
        """Identity of the numbers: weights, statistics, and words with their vectors."""
        return digest_json([super().digest, self._words.digest])

    def encode_motions(self, features: Tensor, lengths: Tensor) -> MotionEmbeddings:
        """Embed motions (B, T, F) of 4 to 196 frames; see `Evaluator.embed_motions`.

        Raises:
            UserError: a motion of another length, or features that are not in metres.
        """
        shortest, longest = int(lengths.min()), int(lengths.max())
        if not CELL <= shortest <= longest <= MOST_FRAMES:
            raise UserError(
                f"evaluator {self.name} takes motions of {CELL} to {MOST_FRAMES} frames;"
                f" these have {shortest} to {longest}"
            )
        cells = lengths // CELL
        inside = length_mask(cells * CELL, features.shape[1])
        require_metres(features[..., self._height][inside], float(self.mean[self._height]), self.name)
        normalised = Normaliser(self.mean, self.std).normalise(features).masked_fill(~inside[..., None], 0.0)
        normalised = normalised[:, :MOST_FRAMES, :-CONTACTS]
        padded = functional.pad(normalised, (0, 0, 0, MOST_FRAMES - normalised.shape[1]))
        embedded = self.motion_encoder(self.movement_encoder(padded), cells)
        return MotionEmbeddings(matching=embedded, distribution=embedded)

    def encode_texts(self, captions: Sequence[str], tagged: Sequence[str] | None) -> Tensor:
        """Embed sentences (B, 512) from their tags; see `Evaluator.embed_texts`.

        Raises:
            UserError: no tags, or tags that are not "word/POS word/POS ...".
        """
        if tagged is None:
            raise UserError(
                f"evaluator {self.name} needs a part of speech for every word ('a/DET man/NOUN walk/VERB'), and"
                f" '{captions[0][:60]}' has none: stores of HumanML3D and KIT-ML have them from their text files; for"
                " other sentences make them with spaCy, see docs/evaluation.md"
            )
        rows, categories, lengths = self._words.encode(tagged)
        rows, categories = rows.to(self.device), categories.to(self.device)
        return self.text_encoder.encode(self.vectors[rows], categories, lengths)
