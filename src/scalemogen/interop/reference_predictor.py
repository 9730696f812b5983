"""Weights of the reference implementation (public repository `woo0818/ScaleMoGen`) under our own names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from torch import Tensor

from scalemogen.errors import UserError

_PREDICTOR = {
    "cfg_uncond": "null_text.tokens",
    "pos_start": "start",
    "text_norm.weight": "text.norm.weight",
    "text_proj_for_sos.ca.mat_q": "text.pool.query",
    "text_proj_for_sos.ca.v_bias": "text.pool.key_value.value_bias",
    "text_proj_for_sos.ca.mat_kv.weight": "text.pool.key_value.weight",
    "text_proj_for_sos.ca.proj.weight": "text.pool.out.weight",
    "text_proj_for_sos.ca.proj.bias": "text.pool.out.bias",
    "text_proj_for_ca.0.weight": "text.project.0.weight",
    "text_proj_for_ca.0.bias": "text.project.0.bias",
    "text_proj_for_ca.2.weight": "text.project.2.weight",
    "text_proj_for_ca.2.bias": "text.project.2.bias",
    "lvl_embed.weight": "scale_embed",
    "word_embed.weight": "embed.weight",
    "word_embed.bias": "embed.bias",
    "shared_ada_lin.1.weight": "modulation.weight",
    "shared_ada_lin.1.bias": "modulation.bias",
    "head_nm.ada_lin.1.weight": "head_modulation.weight",
    "head_nm.ada_lin.1.bias": "head_modulation.bias",
    "head.weight": "head.weight",
    "head.bias": "head.bias",
}
_BLOCK = {
    "ada_gss": "modulation",
    "sa.scale_mul_1H11": "attention.log_gain",
    "sa.q_bias": "attention.query_bias",
    "sa.v_bias": "attention.value_bias",
    "sa.mat_qkv.weight": "attention.qkv.weight",
    "sa.proj.weight": "attention.out.weight",
    "sa.proj.bias": "attention.out.bias",
    "ca.v_bias": "text_attention.key_value.value_bias",
    "ca.mat_q.weight": "text_attention.query.weight",
    "ca.mat_q.bias": "text_attention.query.bias",
    "ca.mat_kv.weight": "text_attention.key_value.weight",
    "ca.proj.weight": "text_attention.out.weight",
    "ca.proj.bias": "text_attention.out.bias",
    "ca_norm.weight": "text_norm.weight",
    "ca_norm.bias": "text_norm.bias",
    "ffn.fc1.weight": "feed_forward.expand.weight",
    "ffn.fc1.bias": "feed_forward.expand.bias",
    "ffn.fc2.weight": "feed_forward.out.weight",
    "ffn.fc2.bias": "feed_forward.out.bias",
}
_BLOCK_KEY = re.compile(
    r"(?:blocks\.(?P<block>\d+)|block_chunks\.(?P<chunk>\d+)\.module\.(?P<inner>\d+))\.(?P<rest>.+)"
)
_CONSTANT = "zero_k_bias"


def predictor_keys(keys: Iterable[str]) -> dict[str, str]:
    """Map every key of a reference predictor to ours; constants that hold no weight are left out.

    Args:
        keys: all keys of the state, with blocks either listed (`blocks.3.`) or in chunks
            (`block_chunks.1.module.0.`).

    Raises:
        UserError: a key that no reference predictor has.
    """
    keys = [key for key in keys if not key.endswith(_CONSTANT)]
    matches = {key: match for key in keys if (match := _BLOCK_KEY.fullmatch(key))}
    inner = [int(match["inner"]) for match in matches.values() if match["inner"]]
    chunk_size = 1 + max(inner, default=0)
    names = {}
    for key in keys:
        match = matches.get(key)
        if match is None:
            name = _PREDICTOR.get(key)
        else:
            block = match["block"] or int(match["chunk"]) * chunk_size + int(match["inner"])
            name = f"blocks.{block}.{_BLOCK[match['rest']]}" if match["rest"] in _BLOCK else None
        if name is None:
            raise UserError(f"{key!r} is not a weight of a reference predictor")
        names[key] = name
    return names


def predictor_state(reference_state: Mapping[str, Tensor], scales: int) -> dict[str, Tensor]:
    """Return the state of a `NextScaleTransformer(..., single_start=True, places=False)`, to be loaded strictly.

    Args:
        reference_state: the reference predictor's state.
        scales: K; the reference holds more scale embeddings than it uses.

    Raises:
        UserError: a key that no reference predictor has, or fewer scale embeddings than scales.
    """
    names = predictor_keys(reference_state)
    return {ours: _reshaped(reference_state[key], ours, scales) for key, ours in names.items()}


def _reshaped(value: Tensor, name: str, scales: int) -> Tensor:
    leaf = name.rsplit(".", 1)[-1]
    if leaf == "scale_embed":
        if len(value) < scales:
            raise UserError(f"the reference predictor embeds {len(value)} scales; {scales} are asked for")
        return value[:scales]
    if leaf == "log_gain":
        return value.flatten()
    if leaf in ("start", "modulation", "query"):
        return value.reshape(value.shape[-2:])
    return value
