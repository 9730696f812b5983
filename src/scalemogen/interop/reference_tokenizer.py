"""Weights of the reference implementation's tokenizer under our names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn

from scalemogen.errors import UserError
from scalemogen.tokenizer import MotionTokenizer
from scalemogen.tokenizer.layers import ResidualBlock

_LINKS = re.compile(r"conv_enc\.layers\.(\d+)\.(\d+)\..*adj_matrix")


def tokenizer_state(reference: Mapping[str, Tensor], tokenizer: MotionTokenizer) -> dict[str, Tensor]:
    """Return a state for `tokenizer` from the reference's state dict.

    The reference keeps per-joint layers apart, and three redundant maps in every convolution; here they are padded
    into one table and summed (see SkeletalTemporalConv).

    Raises:
        UserError: a key is missing, unknown or of another shape, or bones are linked otherwise; the message names it.
    """
    reference = _Noting(reference)
    state = {name: torch.zeros_like(tensor) for name, tensor in tokenizer.state_dict().items()}
    try:
        _joint_layers(reference, state, tokenizer.encoder.channels.counts, tokenizer.project_in.in_features)
        for stage in range(len(tokenizer.encoder.pools)):
            blocks = len(tokenizer.encoder.stages[stage])  # type: ignore[arg-type]
            for block in range(blocks):
                _block(reference, state, f"conv_enc.layers.{stage}.{block}", f"encoder.stages.{stage}.{block}")
                _block(reference, state, f"conv_dec.layers.{stage}.{block + 1}", f"decoder.stages.{stage}.{block}")
            state[f"encoder.pools.{stage}.weight"] = reference[f"conv_enc.layers.{stage}.{blocks}.skeleton_pool_vec"]
            state[f"decoder.unpools.{stage}.weight"] = reference[f"conv_dec.layers.{stage}.0.skeleton_unpool"]
        for name in ("project_in", "project_out"):
            for kind in ("weight", "bias"):
                state[f"{name}.{kind}"] = reference[f"quantizer2d.{name}.{kind}"]
    except KeyError as error:
        raise UserError(f"weight {error} of a reference tokenizer of this configuration is missing") from error
    except (ValueError, RuntimeError) as error:
        raise UserError(f"these are not the reference's tokenizer weights for this configuration: {error}") from error
    _check_rest(reference, tokenizer)
    return state


def _check_links(theirs: Tensor, stage: nn.Module, block: int, name: str) -> None:
    """Refuse a network on another skeleton."""
    assert isinstance(stage, nn.ModuleList)
    layer = stage[block]
    assert isinstance(layer, ResidualBlock)
    ours = layer.first.neighbours > 0
    if theirs.shape != ours.shape or not torch.equal(theirs > 0, ours):
        raise UserError(f"{name!r} links joints otherwise than the skeleton here")


class _Noting(Mapping[str, Tensor]):
    """A state that notes which of its keys were asked for."""

    def __init__(self, state: Mapping[str, Tensor]) -> None:
        self._state = state
        self.unused = set(state)

    def __getitem__(self, name: str) -> Tensor:
        self.unused.discard(name)
        return self._state[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._state)

    def __len__(self) -> int:
        return len(self._state)


def _check_rest(reference: _Noting, tokenizer: MotionTokenizer) -> None:
    """Accept what holds no weight: the links of the joints, which must be ours, and the place values of bits."""
    for name in sorted(reference.unused):
        if match := _LINKS.fullmatch(name):
            _check_links(reference[name], tokenizer.encoder.stages[int(match[1])], int(match[2]), name)
        if not name.endswith((".adj_matrix", "lfq.mask")):
            raise UserError(f"{name!r} is not a weight of a reference tokenizer of this configuration")


def _joint_layers(reference: Mapping[str, Tensor], state: dict[str, Tensor], counts: Sequence[int], width: int) -> None:
    """Fill the tables of the layers that every joint has for itself.

    Args:
        reference: the reference's state.
        state: ours, to be filled.
        counts: channels of each joint.
        width: of the layers.
    """
    for source, index, target, into_width in (
        ("motion_enc", 0, "encoder.embed_in", True),
        ("motion_enc", 2, "encoder.embed_out", None),
        ("motion_dec", 0, "decoder.head_in", None),
        ("motion_dec", 2, "decoder.head_out", False),
    ):
        for joint, count in enumerate(counts):
            inputs, outputs = {True: (count, width), False: (width, count), None: (width, width)}[into_width]
            key = f"{source}.layers.{joint}.{index}"
            weight, bias = reference[f"{key}.weight"], reference[f"{key}.bias"]
            if weight.shape != (outputs, inputs) or bias.shape != (outputs,):
                raise UserError(f"{key}.weight is {tuple(weight.shape)}; joint {joint} needs {(outputs, inputs)}")
            state[f"{target}.weight"][joint, :inputs, :outputs] = weight.T
            state[f"{target}.bias"][joint, :outputs] = bias


def _block(reference: Mapping[str, Tensor], state: dict[str, Tensor], source: str, target: str) -> None:
    for index, name in ((2, "first"), (5, "second")):
        prefix = f"{source}.layers.{index}"
        before, now, after = reference[f"{prefix}.temp_conv.weight"].permute(2, 1, 0)
        own = reference[f"{prefix}.graph_conv.linear1.weight"].T
        neighbours = reference[f"{prefix}.graph_conv.linear2.weight"].T
        state[f"{target}.{name}.weight"] = torch.stack([before, now + own, after, neighbours])
        state[f"{target}.{name}.bias"] = (
            reference[f"{prefix}.temp_conv.bias"]
            + reference[f"{prefix}.graph_conv.linear1.bias"]
            + reference[f"{prefix}.graph_conv.linear2.bias"]
        )
