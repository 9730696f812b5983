"""The contrastive loss.

Axis letters: B batch, E width of an embedding.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from scalemogen.metrics.functional import caption_groups


def caption_labels(captions: Sequence[str]) -> Tensor:
    """Return a number (B,) int64 for each caption: the same for captions of the same words, -1 for an empty one.

    Case, spaces and a full stop at the end make no difference. All processes give a caption the same number.
    """
    words = [" ".join(caption.lower().split()).rstrip(" .") for caption in captions]
    numbers = caption_groups(words) & torch.iinfo(torch.int64).max  # without the sign, which stands for no caption
    return torch.where(torch.tensor([bool(text) for text in words]), numbers, -1)


def info_nce(motions: Tensor, texts: Tensor, labels: Tensor, temperature: float) -> Tensor:
    """Return the symmetric contrastive loss.

    With S = M Tᵀ / temperature the loss of pair i is half of -log softmax_j(S_ij)[i] - log softmax_j(S_ji)[i]. As in
    TMR, a pair j that says the same as i is no negative of it; "the same" means equal labels here, and not a threshold
    on the similarity of sentences as there.

    Args:
        motions: (B, E) unit vectors.
        texts: (B, E) unit vectors.
        labels: (B,) int64, equal where captions say the same; -1 where there is no caption: such a pair does not count.
        temperature: of the softmax.

    Returns:
        The mean over pairs with a caption; 0 where there is none.
    """
    similarity = motions.float() @ texts.float().T / temperature
    counts = labels >= 0
    own = torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    against = (labels[:, None] != labels) & counts & counts[:, None]
    logits = similarity.masked_fill(~(against | own), -torch.inf)
    pairs = torch.arange(len(labels), device=labels.device)
    losses = 0.5 * (
        functional.cross_entropy(logits, pairs, reduction="none")
        + functional.cross_entropy(logits.T, pairs, reduction="none")
    )
    return (losses * counts).sum() / counts.sum().clamp(min=1)
