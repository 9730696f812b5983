"""A tiny contrastive evaluator with random weights, and data facts for it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch

from helpers.text import small_encoder
from scalemogen.contracts import DataFacts
from scalemogen.evaluators import ContrastiveEvaluator, ContrastiveNetwork
from scalemogen.motion import get_layout
from scalemogen.skeletons import get_skeleton

SIZES: dict[str, Any] = {"width": 24, "layers": 2, "text_layers": 1, "heads": 3, "patch": 4, "embedding": 11}


def make_facts(skeleton: str = "humanml3d", fps: float = 20.0) -> DataFacts:
    """Return facts with statistics that differ from channel to channel."""
    tree, layout = get_skeleton(skeleton), get_layout("humanml3d")
    width = layout.width(tree)
    mean, std = torch.linspace(-1, 1, width), torch.linspace(0.5, 2, width)
    return DataFacts("toy", tree, layout.name, fps, mean, std, "none", "none", {"train": "0"})


def make_evaluator(seed: int = 0, **facts: Any) -> ContrastiveEvaluator:
    """Return an evaluator in evaluation mode."""
    torch.manual_seed(seed)
    text = small_encoder()
    known = replace(make_facts(), **facts)
    network = ContrastiveNetwork(features=len(known.mean), text_width=text.width, **SIZES)
    return ContrastiveEvaluator(known, network, text).eval()
