"""What the numbers of an evaluation depend on: digests, versions, device, settings."""

from __future__ import annotations

import platform
import shutil
import subprocess
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from scalemogen import __version__
from scalemogen.checkpoints import Bundle
from scalemogen.data_modules import MotionStore
from scalemogen.distributed import world_size
from scalemogen.evaluators import Evaluator
from scalemogen.weights import digest_state

LIBRARIES = ("torch", "numpy", "torchmetrics", "transformers", "roma")


def origin_of_model(bundle: Bundle, path: str) -> dict[str, Any]:
    """Return what a model is: digests of its networks, how it was made, and from which data."""
    networks = {"tokenizer": digest_state(bundle.tokenizer.state_dict())}
    if bundle.ar is not None and bundle.text is not None:
        networks |= {"ar": digest_state(bundle.ar.state_dict()), "text": bundle.text.digest}
    spec = bundle.spec
    return {
        "path": path,
        "stage": bundle.description["stage"],
        "digests": networks,
        "provenance": dict(bundle.description.get("provenance", {})),
        "trained_on": {
            "name": bundle.facts.name,
            "digest": bundle.facts.digest,
            "splits": dict(bundle.facts.digests),
            "licence": bundle.facts.licence,
        },
        "bits": spec.bits,
        "maps": [list(size) for size in spec.sizes],
        "max_frames": spec.max_frames,
    }


def origin_of_data(store: MotionStore) -> dict[str, Any]:
    """Return what the data is."""
    facts = store.facts
    return {
        "path": str(store.path),
        "name": facts.name,
        "digest": facts.digest,
        "splits": dict(facts.digests),
        "licence": facts.licence,
        "citation": facts.citation,
        "skeleton": facts.skeleton.name,
        "layout": facts.layout,
        "fps": facts.fps,
    }


def origin_of_evaluator(evaluator: Evaluator, path: str) -> dict[str, Any]:
    """Return which evaluator it is."""
    return {"path": path, "name": evaluator.name, "digest": evaluator.digest, "distance": evaluator.distance}


def origin_of_run(device: torch.device) -> dict[str, Any]:
    """Return code, libraries and machine."""
    accelerator = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor()
    return {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "version": __version__,
        "commit": commit(),
        "python": platform.python_version(),
        "libraries": {name: metadata.version(name) for name in LIBRARIES},
        "device": f"{device.type} {accelerator or platform.machine()}".strip(),
        "precision": "float32, matrix products without TF32; FID, KID and distances in float64",
        "processes": world_size(),
        "threads": torch.get_num_threads(),
    }


def commit() -> str | None:
    """Return the git commit of this package's checkout, with "+" where files differ from it; None outside of one."""
    git, folder = shutil.which("git"), Path(__file__).parent
    if git is None:
        return None
    head = _git(git, folder, "rev-parse", "HEAD")
    if head is None or _git(git, folder, "ls-files", "--error-unmatch", Path(__file__).name) is None:
        return None
    return head + ("+" if _git(git, folder, "status", "--porcelain", "--untracked-files=no") else "")


def _git(git: str, folder: Path, *arguments: str) -> str | None:
    done = subprocess.run([git, "-C", str(folder), *arguments], capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else None
