"""Folders in the form in which the official evaluators are published, with random weights."""

from __future__ import annotations

import math
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from torch import Tensor

Shapes = dict[str, tuple[int, ...]]

WORDS = ("unk", "a", "man", "walk", "slowly", "with", "his", "left", "leg", "sos", "eos", "raise", "hand", "feet")
TEXT_WIDTH = 13
FIRST_INPUTS = {"humanml3d": 259, "kit": 247}
UNITS = {"humanml3d": 1.0, "kit": 640.0, "snapmogen": 100.0}
"""Units of the files per metre."""

CONFIGURATION: dict[str, Any] = {
    "exp": {"name": "tiny", "seed": 3},
    "vae": True,
    "data": {"name": "snapmogen", "dim_pose": 148, "max_text_length": 11, "max_motion_length": 320},
    "text_embedder": {"dim_embed": TEXT_WIDTH, "version": "google/t5-v1_1-base"},
    "latent_encoder": {
        "vae": True,
        "latent_dim": 15,
        "ff_size": 22,
        "num_layers": 2,
        "num_heads": 3,
        "dropout": 0.1,
        "activation": "gelu",
    },
    "text_encoder": {
        "vae": True,
        "latent_dim": 15,
        "ff_size": 26,
        "num_layers": 3,
        "num_heads": 5,
        "dropout": 0.1,
        "activation": "gelu",
    },
}


def recurrent_shapes(inputs: int, hidden: int) -> Shapes:
    """Return names and shapes of a two-way recurrent encoder of the HumanML3D evaluator."""
    shapes: Shapes = {"hidden": (2, 1, hidden), "input_emb.weight": (hidden, inputs), "input_emb.bias": (hidden,)}
    for direction in ("", "_reverse"):
        for matrix in ("ih", "hh"):
            shapes[f"gru.weight_{matrix}_l0{direction}"] = (3 * hidden, hidden)
            shapes[f"gru.bias_{matrix}_l0{direction}"] = (3 * hidden,)
    return shapes | {
        "output_net.0.weight": (hidden, 2 * hidden),
        "output_net.0.bias": (hidden,),
        "output_net.1.weight": (hidden,),
        "output_net.1.bias": (hidden,),
        "output_net.3.weight": (512, hidden),
        "output_net.3.bias": (512,),
    }


def matching_shapes(data: str) -> dict[str, Shapes]:
    """Return names and shapes of `finest.tar`."""
    movement: Shapes = {
        "main.0.weight": (512, FIRST_INPUTS[data], 4),
        "main.0.bias": (512,),
        "main.3.weight": (512, 512, 4),
        "main.3.bias": (512,),
        "out_net.weight": (512, 512),
        "out_net.bias": (512,),
    }
    text = recurrent_shapes(300, 512) | {"pos_emb.weight": (300, 15), "pos_emb.bias": (300,)}
    return {"movement_encoder": movement, "motion_encoder": recurrent_shapes(512, 1024), "text_encoder": text}


def sequence_shapes(inputs: int, width: int, feed_forward: int, layers: int) -> Shapes:
    """Return names and shapes of one network of `net_best_top1.tar`."""
    shapes: Shapes = {"tokens": (2, width), "projection.weight": (width, inputs), "projection.bias": (width,)}
    for layer in range(layers):
        prefix = f"seqTransEncoder.layers.{layer}"
        shapes |= {
            f"{prefix}.self_attn.in_proj_weight": (3 * width, width),
            f"{prefix}.self_attn.in_proj_bias": (3 * width,),
            f"{prefix}.self_attn.out_proj.weight": (width, width),
            f"{prefix}.self_attn.out_proj.bias": (width,),
            f"{prefix}.linear1.weight": (feed_forward, width),
            f"{prefix}.linear1.bias": (feed_forward,),
            f"{prefix}.linear2.weight": (width, feed_forward),
            f"{prefix}.linear2.bias": (width,),
        }
        for norm in ("norm1", "norm2"):
            shapes |= {f"{prefix}.{norm}.weight": (width,), f"{prefix}.{norm}.bias": (width,)}
    return shapes | {"linear.weight": (width, width), "linear.bias": (width,)}


def random_state(shapes: Shapes, seed: int) -> dict[str, Tensor]:
    """Return random weights; large enough that every one of them counts, small enough that nothing saturates."""
    random = torch.Generator().manual_seed(seed)
    scales = {name: 1.3 / math.prod(shape[1:]) ** 0.5 if len(shape) > 1 else 0.3 for name, shape in shapes.items()}
    return {name: scales[name] * torch.randn(shape, generator=random) for name, shape in shapes.items()}


def write_statistics(folder: Path, width: int, unit: float, seed: int) -> None:
    """Write mean.npy and std.npy: root and contacts of small deviation, the root 0.9 m high."""
    random = np.random.default_rng(seed)
    mean, std = random.normal(size=width), random.uniform(0.5, 2.0, width)
    std[[0, 1, 2, 3, -4, -3, -2, -1]] /= 25
    std[1:4] *= unit
    mean[3] = 0.9 * unit
    np.save(folder / "mean.npy", mean.astype(np.float32))
    np.save(folder / "std.npy", std.astype(np.float32))


def write_words(folder: Path, seed: int) -> None:
    """Write word vectors; their rows are in another order than the words, and one row belongs to none."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = {word: len(WORDS) - number for number, word in enumerate(WORDS)}
    np.save(folder / "our_vab_data.npy", np.random.default_rng(seed).normal(size=(len(WORDS) + 1, 300)))
    (folder / "our_vab_words.pkl").write_bytes(pickle.dumps(list(WORDS)))
    (folder / "our_vab_idx.pkl").write_bytes(pickle.dumps(rows))


def write_matching(folder: Path, data: str, seed: int = 0) -> Path:
    """Write the folder of an evaluator of HumanML3D or KIT-ML."""
    folder.mkdir(parents=True)
    networks = enumerate(matching_shapes(data).items())
    states = {part: random_state(shapes, seed + row) for row, (part, shapes) in networks}
    rest = {"opt_text_encoder": {"state": {}, "param_groups": []}, "epoch": 47, "iter": 11}
    torch.save({**states, **rest}, folder / "finest.tar")
    write_statistics(folder, FIRST_INPUTS[data] + 4, UNITS[data], seed)
    write_words(folder / "glove", seed)
    return folder


def write_retrieval(folder: Path, seed: int = 0) -> Path:
    """Write the folder of a SnapMoGen evaluator, with small networks."""
    from helpers.text import write_t5  # brings transformers along

    folder.mkdir(parents=True)
    sizes = {part: CONFIGURATION[part] for part in ("latent_encoder", "text_encoder")}
    shapes = {
        "latent_enc": sequence_shapes(148, *_sizes(sizes["latent_encoder"])),
        "text_enc": sequence_shapes(TEXT_WIDTH, *_sizes(sizes["text_encoder"])),
    }
    states = {part: random_state(named, seed + row) for row, (part, named) in enumerate(shapes.items())}
    torch.save({**states, "ep": 31}, folder / "net_best_top1.tar")
    (folder / "evaluator.yaml").write_text(yaml.safe_dump(CONFIGURATION))
    write_statistics(folder, 296, UNITS["snapmogen"], seed)
    write_t5(folder / "t5", width=TEXT_WIDTH)
    return folder


def _sizes(encoder: Mapping[str, Any]) -> tuple[int, int, int]:
    return encoder["latent_dim"], encoder["ff_size"], encoder["num_layers"]


def linked(folder: Path, target: Path, *without: str) -> Path:
    """Make `target` with links to the files of `folder`, all but some, so that a test can write its own."""
    for file in folder.rglob("*"):
        name = file.relative_to(folder)
        if file.is_file() and str(name) not in without:
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            (target / name).symlink_to(file)
    return target
