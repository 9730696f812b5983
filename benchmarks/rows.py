"""The rows of the table, by name. Nothing here needs torch: a row's work is made in a process of its own."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from types import MappingProxyType
from typing import Any, Literal

from scalemogen.errors import UserError

Precision = Literal["float32", "bf16"]
Option = int | str | bool


@dataclass(frozen=True)
class Settings:
    """How rows are measured.

    Attributes:
        device: "cpu" or "cuda".
        precision: "bf16" runs networks under autocast; weights stay in float32.
        repeats: timed repeats, after a warm-up that does not count.
        toy: shrink every row to what takes a moment, for tests; the figures mean nothing.
    """

    device: str = "cpu"
    precision: Precision = "float32"
    repeats: int = 3
    toy: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return plain Python values; `Settings(**...)` reads them."""
        return asdict(self)


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        name: as typed on the command line.
        group: of rows; also a name on the command line.
        what: what is measured.
        maker: "module:function" of this folder: (settings, **options) -> `work.Work`.
        options: of the maker.
        large: takes seconds to minutes a repeat on a CPU; `--quick` leaves it out.
        cuda: only worth while on a GPU.
    """

    name: str
    group: str
    what: str
    maker: str
    options: Mapping[str, Option] = field(default_factory=dict)
    large: bool = False
    cuda: bool = False


def _full(name: str, what: str, maker: str, cuda: bool = False, **options: Option) -> Row:
    return Row(name, "full-size", what, f"full_size:{maker}", options, large=True, cuda=cuda)


def _recipe(stage: str, recipe: str) -> Row:
    words = {"tokenizer": "tokenizer", "ar": "ar, latents encoded"}[stage]
    name = f"{recipe.replace('_', '-')}-{stage}-step"
    options = {"stage": stage, "recipe": recipe}
    return Row(name, "recipes", f"{recipe} recipe: training step, {words}", "training:recipe_step", options)


def _demo(batch: int) -> Row:
    mixed = "one motion of 79 frames" if batch == 1 else f"{batch} motions of 41 to 115 frames"
    return Row(f"demo-generate-{batch}", "demo", f"demo's sizes: generate {mixed}", "demo:generation", {"batch": batch})


_ALL = (
    _full("generate-196", "generate 196 frames, batch 1, guidance 7", "generation", frames=196),
    _full("generate-64", "generate 64 frames, batch 1, guidance 7", "generation", frames=64),
    _full("encode-32", "tokenizer: encode 32 x 196 frames", "coding", decode=False),
    _full("decode-32", "tokenizer: decode 32 x 196 frames", "coding", decode=True),
    _full("tokenizer-step-8", "tokenizer: training step, 8 x 196", "tokenizer_step", batch=8),
    _full("ar-step-4-latents", "ar: training step, 4 x 196, latents given", "ar_step", batch=4, given=True),
    _full("ar-step-4-encoded", "ar: training step, 4 x 196, latents encoded", "ar_step", batch=4, given=False),
    *(
        _full(f"generate-196-batch-{n}", f"generate 196 frames, batch {n}, guidance 7", "generation", True, batch=n)
        for n in (32, 256)
    ),
    *(
        _full(f"tokenizer-step-{n}", f"tokenizer: training step, {n} x 196", "tokenizer_step", True, batch=n)
        for n in (64, 256)
    ),
    *(
        _full(
            f"ar-step-{n}-latents", f"ar: training step, {n} x 196, latents given", "ar_step", True, batch=n, given=True
        )
        for n in (16, 64, 256)
    ),
    *(_recipe(stage, recipe) for recipe in ("demo", "bandai_namco") for stage in ("tokenizer", "ar")),
    *(_demo(batch) for batch in (1, 8, 32)),
    Row("text-small", "parts", "text features of 64 sentences, the demo's encoder", "parts:text", {"kind": "small"}),
    Row("text-minilm", "parts", "text features of 64 sentences, MiniLM", "parts:text", {"kind": "minilm"}),
    Row("loader", "parts", "a batch of 64 clips of 40 to 196 frames, 263 features", "parts:loader"),
    Row("fid", "parts", "FID of 2 x 10,000 embeddings of width 512", "parts:fid"),
    Row("r-precision", "parts", "R-precision of 10,000 pairs of width 512 in pools of 32", "parts:precision"),
    Row("startup-help", "start-up", "`scalemogen --help`, whole process", "start_up:command", {"kind": "help"}),
    Row("startup-import", "start-up", "`import scalemogen`, whole process", "start_up:command", {"kind": "import"}),
    Row(
        "startup-generate",
        "start-up",
        "`scalemogen generate` with a model of the demo's sizes, whole process",
        "start_up:command",
        {"kind": "generate"},
    ),
)
ROWS: Mapping[str, Row] = MappingProxyType({row.name: row for row in _ALL})
GROUPS = tuple(dict.fromkeys(row.group for row in _ALL))


def select(names: Sequence[str], *, quick: bool = False, cuda: bool = False) -> list[Row]:
    """Return the rows of these names and groups, in the table's order; of no names, all that suit the device.

    Args:
        names: of rows and groups.
        quick: leave out large rows, unless named themselves.
        cuda: whether rows are measured on a GPU; without, rows for one must be named themselves.

    Raises:
        UserError: a name that is neither; the message has the nearest one.
    """
    for name in names:
        if name not in ROWS and name not in GROUPS:
            close = difflib.get_close_matches(name, [*ROWS, *GROUPS, "data", "curves"], n=1)
            hint = f", did you mean '{close[0]}'?" if close else ";"
            raise UserError(f"no row or group '{name}'{hint} `scalemogen bench --list` has all")
    asked = set(names)
    return [
        row
        for row in _ALL
        if row.name in asked
        or ((not asked or row.group in asked) and not (quick and row.large) and (cuda or not row.cuda))
    ]
