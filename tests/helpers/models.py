"""A tiny model folder with random weights, for everything that uses a trained model."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import torch

from helpers.motions import make_motion
from scalemogen.ar import NextScaleTransformer
from scalemogen.checkpoints import save_folder
from scalemogen.contracts import DataFacts, TokenSpec
from scalemogen.motion import get_layout
from scalemogen.scales import scales_from_count
from scalemogen.skeletons import get_skeleton
from scalemogen.text import SmallTextEncoder
from scalemogen.tokenizer import MotionTokenizer

FPS = 20.0
MIN_FRAMES, MAX_FRAMES = 4, 32
CAPTIONS = [f"a person {verb} {way}" for verb in ("walks", "waves", "jumps", "turns") for way in ("left", "right", "")]


def make_model(
    folder: Path,
    stage: Literal["tokenizer", "ar"] = "ar",
    seed: int = 0,
    max_frames: int = MAX_FRAMES,
    chain: str = "inner-to-outer",
) -> Path:
    """Write a model folder whose motions are meaningless but finite; returns the folder."""
    torch.manual_seed(seed)
    skeleton = get_skeleton("humanml3d")
    layout = get_layout("humanml3d")
    features = layout.from_motion(make_motion(frames=101))
    facts = DataFacts(
        name="test",
        skeleton=skeleton,
        layout=layout.name,
        fps=FPS,
        mean=features.mean(0),
        std=features.std(0).clamp_min(0.05),
        licence="none",
        citation="none",
        digests={"train": "0"},
    )
    spec = TokenSpec(
        bits=5,
        scales=scales_from_count(3, max_frames // 4, skeleton.chain(chain)),
        cells=max_frames // 4,
        parts=len(skeleton.parts),
        frames_per_cell=4,
        skeleton=skeleton.name,
        skeleton_digest=skeleton.digest,
        layout=layout.name,
    )
    arguments = {"width": 12, "blocks": 1}
    state = MotionTokenizer(spec, skeleton, **arguments).state_dict()
    if stage == "tokenizer":
        save_folder(folder, facts=facts, spec=spec, tokenizer_arguments=arguments, tokenizer_state=state)
        return folder
    text = SmallTextEncoder(width=16, layers=1, heads=2, vocab_size=300)
    text.prepare(CAPTIONS)
    ar_arguments = {"text_width": 16, "width": 16, "depth": 2, "heads": 2, "mlp_ratio": 2.0}
    ar = NextScaleTransformer(spec, **ar_arguments)
    for parameter in ar.parameters():  # also those that start at zero
        torch.nn.init.normal_(parameter, std=0.2)
    save_folder(
        folder,
        facts=facts,
        spec=spec,
        tokenizer_arguments=arguments,
        tokenizer_state=state,
        ar_arguments=ar_arguments,
        ar_state=ar.state_dict(),
        text=text,
        sampling={"guidance": 2.0, "temperature": 0.9},
        provenance={"test": True},
    )
    return folder
