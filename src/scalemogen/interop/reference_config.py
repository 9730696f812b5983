"""Configuration files of the reference implementation: what of them a model depends on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scalemogen.contracts import Scale
from scalemogen.errors import UserError
from scalemogen.files import parse_yaml
from scalemogen.scales import check_scales

FRAMES_PER_CELL = 4
PARTS = 7

_WHOLE = [[0, 1, 2, 3, 4, 5, 6]]
_SINGLE = [[0], [1], [2], [3], [4], [5], [6]]
_INNER_OUTER = [
    _WHOLE,
    [[0, 3], [1, 2, 4, 5, 6]],
    [[0, 3], [1, 2], [4, 5, 6]],
    [[0], [3], [1, 2], [4, 5], [6]],
    _SINGLE,
]
_LOWER_UPPER = [_WHOLE, [[0, 1, 2], [3, 4, 5, 6]], [[0], [1, 2], [3, 6], [4, 5]], _SINGLE]

CHAINS = {
    0: (_INNER_OUTER, "00 10 20 30 40 50 60 61 62 63 64"),
    1: (_LOWER_UPPER, "00 10 20 21 31 41 42 52 62 63"),
    2: ([_WHOLE], "00 10 20 30 40 50 60"),
    3: ([_SINGLE], "00 10 20 30 40 50 60"),
    4: (_LOWER_UPPER, "00 10 20 30 40 50 60 61 62 63"),
    5: (_INNER_OUTER, "00 10 11 21 31 32 42 52 53 63 64"),
}
"""By `ctf_mapping_id`: partitions of the parts, and per scale the numbers of its time divisor and of its partition."""

FIXED = {
    "add_lvl_embeding_only_first_block": 1,
    "apply_spatial_patchify": 0,
    "ca_gamma": -1,
    "cos": 1,
    "dec": 1,
    "haln": True,
    "nm0": False,
    "rms": False,
    "rope2d_each_sa_layer": 1,
    "rope2d_normalized_by_hw": 2,
    "saln": 1,
    "swi": False,
    "tau": 1,
    "use_bit_label": 1,
}
"""Settings of the predictor that the release leaves alone; a network built otherwise is another one."""


@dataclass(frozen=True)
class ReferenceConfig:
    """What the weights do not tell.

    Attributes:
        data: "humanml3d" or "snapmogen".
        scales: coarse to fine.
        max_frames: of the longest motion.
        guidance: of the last scale, None where not said.
        temperature: of the sampling, None where not said.
    """

    data: str
    scales: tuple[Scale, ...]
    max_frames: int
    guidance: float | None
    temperature: float | None


def read_reference_config(paths: Sequence[Path], known: Sequence[str]) -> ReferenceConfig:
    """Read the YAML or JSON files that lie beside the reference's checkpoints, taken together.

    Args:
        paths: `train_vq*.yaml`, and if at hand `train_scalemogen_predictor*.yaml` and `eval_scalemogen*.yaml`; or the
            description (`.json`) of a reference fixture.
        known: names of data sets.

    Raises:
        UserError: a file that cannot be read, a setting that is missing or cannot be met, files that contradict each
            other.
    """
    settings: dict[str, Any] = {}
    for path in paths:
        _merge(settings, _read(path), path)
    where = ", ".join(map(str, paths))
    data = _at(settings, "data.name", "dataset")
    if data not in known:
        raise UserError(f"{where}: data set {data!r}; known are {', '.join(known)}")
    frames = _at(settings, "data.max_motion_length", "max_motion_length")
    if not isinstance(frames, int) or frames < FRAMES_PER_CELL or frames % FRAMES_PER_CELL:
        raise UserError(f"{where}: max_motion_length is {frames!r}; a multiple of {FRAMES_PER_CELL} is needed")
    for name, value in FIXED.items():
        found = _at(settings, f"predictor.{name}")
        found = value if found is None else found
        if found != value:
            raise UserError(f"{where}: predictor.{name} is {found!r}; only {value!r}, as released, is read")
    try:
        scales = _scales(settings, where)
        check_scales(scales, frames // FRAMES_PER_CELL, PARTS)
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise UserError(f"{where}: the scales cannot be read: {type(error).__name__} {error}") from error
    return ReferenceConfig(
        data, scales, frames, _number(settings, "eval.cfg", where), _number(settings, "eval.tau", where)
    )


def _read(path: Path) -> dict[str, Any]:
    try:
        content = parse_yaml(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from error
    except ValueError as error:
        raise UserError(f"{path} is no YAML or JSON file: {error}") from error
    content = content.get("config", content) if isinstance(content, dict) else content
    if not isinstance(content, dict):
        raise UserError(f"{path} holds no settings by name")
    return content


def _merge(settings: dict[str, Any], more: Mapping[str, Any], path: Path, prefix: str = "") -> None:
    """Add settings; what tells the model apart may not be said twice in two ways."""
    for key, value in more.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            held = settings.setdefault(key, {})
            if not isinstance(held, dict):
                raise UserError(f"{path}: {name} is a group of settings here and a value elsewhere")
            _merge(held, value, path, f"{name}.")
        elif name in {"data.name", "data.max_motion_length", "vq_name"} and key in settings and settings[key] != value:
            raise UserError(f"{path}: {name} is {value!r}, in another file {settings[key]!r}: not one model's files")
        else:
            settings[key] = value


def _at(settings: Mapping[str, Any], *names: str) -> Any:
    """Return the first of several settings that is there, None where none is."""
    for name in names:
        value: Any = settings
        for key in name.split("."):
            value = value.get(key) if isinstance(value, Mapping) else None
        if value is not None:
            return value
    return None


def _number(settings: Mapping[str, Any], name: str, where: str) -> float | None:
    value = _at(settings, name)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise UserError(f"{where}: {name} is {value!r}; one number is needed")
    return None if value is None else float(value)


def _scales(settings: Mapping[str, Any], where: str) -> tuple[Scale, ...]:
    chain = settings.get("coarse_to_fine_chain")
    if chain is None:
        number, divisors = (_at(settings, f"quantizer.{name}") for name in ("ctf_mapping_id", "temp_scales"))
        if number is None or divisors is None:
            raise UserError(f"{where}: no quantizer.ctf_mapping_id and quantizer.temp_scales; add the train_vq*.yaml")
        if number not in CHAINS:
            raise UserError(f"{where}: ctf_mapping_id is {number!r}; known are {', '.join(map(str, CHAINS))}")
        partitions, mapping = CHAINS[number]
        chain = [(divisors[int(pair[0])], partitions[int(pair[1])]) for pair in mapping.split()]
    return tuple(Scale(int(divisor), tuple(tuple(map(int, group)) for group in groups)) for divisor, groups in chain)
