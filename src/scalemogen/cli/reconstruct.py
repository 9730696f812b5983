"""`scalemogen reconstruct`: a motion through the tokenizer, beside the original."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch

from scalemogen.cli.outputs import check_outputs, write_beside
from scalemogen.errors import UserError
from scalemogen.export import read_motion
from scalemogen.metrics.functional import mpjpe_root_aligned, mpjpe_world
from scalemogen.motion import Motion, get_layout
from scalemogen.pipeline import TextToMotion
from scalemogen.pipeline.devices import choose_device

MILLIMETRES = 1000.0


def run(args: argparse.Namespace) -> int:
    """Reconstruct, write and print errors.

    Raises:
        UserError: a motion that cannot be read or has other joints; a clip that is not there; an unwritable file.
    """
    if (args.data is None) != (args.id is None):
        raise UserError("--data and --id go together: which clip of which store")
    check_outputs(args.out, [] if args.motion is None else [args.motion])
    model = TextToMotion.from_pretrained(args.model, device=choose_device(args.device))
    if args.motion is not None:
        source = read_motion(args.motion, model.facts.skeleton, args.map)
        original, result = model.prepare(source), model.reconstruct(source)
    else:
        original, result = _from_store(model, args.data, args.id)
    titles = ("original", "reconstruction")
    for path in args.out:
        write_beside(original, result, titles, path)
    pair = (result.positions[None], original.positions[None])
    errors = {
        "root_aligned_mm": MILLIMETRES * float(mpjpe_root_aligned(*pair)),
        "world_mm": MILLIMETRES * float(mpjpe_world(*pair)),
    }
    files = [str(path) for path in args.out]
    if args.json:
        print(json.dumps({"frames": original.frames, "fps": original.fps, **errors, "files": files}, indent=1))
    else:
        print(f"{original.frames} frames at {original.fps:g} frames per second")
        aligned, world = errors["root_aligned_mm"], errors["world_mm"]
        print(f"mean joint error: {aligned:.1f} mm root-aligned, {world:.1f} mm in world space")
        print("\n".join(files), end="\n" if files else "")
    return 0


def _from_store(model: TextToMotion, path: Path, clip: str) -> tuple[Motion, Motion]:
    """Return a stored clip and its reconstruction."""
    from scalemogen.cli.stores import open_store  # loads Lightning, which files do not need

    facts = model.facts
    store = open_store(path, facts)
    ids = list(store.ids)
    if clip not in ids:
        raise UserError(f"{path} has no clip '{clip}'; it has {len(ids)}, such as {', '.join(ids[:3])}")
    features = torch.tensor(store.clip(ids.index(clip)))
    original = get_layout(facts.layout).to_motion(features, facts.skeleton, facts.fps)
    return original, model.to_motion(model.reconstruct_features(features))
