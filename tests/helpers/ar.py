"""Shared by the tests of the predictor and of sampling."""

from __future__ import annotations

import torch
from torch import Tensor

from helpers.reference import Fixture, sibling
from scalemogen.ar import NextScaleTransformer
from scalemogen.contracts import TextFeatures, TokenMaps
from scalemogen.interop import predictor_state
from scalemogen.scales import Pyramid


def max_error(mine: Tensor, theirs: Tensor) -> float:
    """The largest absolute difference."""
    assert mine.shape == theirs.shape
    return float((mine.double() - theirs.double()).abs().max())


def reference_transformer(fixture: Fixture) -> NextScaleTransformer:
    sizes = fixture.config["predictor"]
    transformer = NextScaleTransformer(
        fixture.spec,
        text_width=sizes["text_channels"],
        width=sizes["embed_dim"],
        depth=sizes["depth"],
        heads=sizes["num_heads"],
        mlp_ratio=sizes["mlp_ratio"],
        text_pool_heads=sizes["text_pool_heads"],
        text_max_tokens=sizes["text_maxlen"],
        drop_path=sizes["drop_path_rate"],
        dropout=sizes["drop_rate"],
        single_start=True,
        places=False,
    )
    transformer.load_state_dict(predictor_state(fixture.state, len(fixture.spec.scales)))
    return transformer.eval()


def reference_prompts(fixture: Fixture) -> TextFeatures:
    """The prompts of the fixture, padded to the longest."""
    lengths = fixture["in.text_lens"]
    tokens = torch.nn.utils.rnn.pad_sequence(list(fixture["in.text"].split(lengths.tolist())), batch_first=True)
    return TextFeatures(tokens, torch.arange(tokens.shape[1]) < lengths[:, None])


def reference_labels(fixture: Fixture) -> TokenMaps:
    requant = sibling(fixture, "requant")
    valid = Pyramid(fixture.spec).valid(fixture["in.m_lens"])
    return TokenMaps(tuple(requant.scale(k, "labels", "plain.").bool() for k in range(len(valid))), valid)
