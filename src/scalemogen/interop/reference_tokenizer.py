"""Weights of the reference implementation's tokenizer under our names."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from scalemogen.errors import UserError
from scalemogen.tokenizer import MotionTokenizer


def tokenizer_state(reference: Mapping[str, Tensor], tokenizer: MotionTokenizer) -> dict[str, Tensor]:
    """Return a state for `tokenizer` from the reference's state dict.

    The reference keeps per-joint layers apart, and three redundant maps in every convolution; here they are padded
    into one table and summed (see SkeletalTemporalConv).

    Raises:
        UserError: a key is missing, or the widths do not fit.
    """
    state = {name: tensor.clone() for name, tensor in tokenizer.state_dict().items()}
    try:
        _joint_layers(reference, state, "motion_enc", "encoder.embed_in", "encoder.embed_out")
        _joint_layers(reference, state, "motion_dec", "decoder.head_in", "decoder.head_out")
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
    except (KeyError, RuntimeError) as error:
        raise UserError(f"these are not the reference's tokenizer weights for this configuration: {error}") from error
    return state


def _joint_layers(
    reference: Mapping[str, Tensor], state: dict[str, Tensor], source: str, first: str, second: str
) -> None:
    for index, name in ((0, first), (2, second)):
        for joint in range(state[f"{name}.weight"].shape[0]):
            weight = reference[f"{source}.layers.{joint}.{index}.weight"].T
            inputs, outputs = weight.shape
            state[f"{name}.weight"][joint, :inputs, :outputs] = weight
            state[f"{name}.bias"][joint, :outputs] = reference[f"{source}.layers.{joint}.{index}.bias"]


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
