"""`scalemogen recognise`: do generated motions show what their sentences say, judged by the nearest training clips?"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from scalemogen.cli.stores import open_store
from scalemogen.data_modules import MotionStore
from scalemogen.errors import UserError
from scalemogen.evaluation.neighbours import Reference, describe_windows, equal_windows
from scalemogen.evaluation.recognition import (
    Named,
    Prompt,
    Row,
    actions_of,
    choose_prompts,
    home_splits,
    join,
    make_rows,
    name_motions,
)
from scalemogen.evaluation.samples import Batching, Samples
from scalemogen.export import contact_sheet
from scalemogen.files import atomic_path, digest_bytes
from scalemogen.metrics.functional import trajectory_descriptor
from scalemogen.motion import Motion
from scalemogen.pipeline import TextToMotion
from scalemogen.pipeline.devices import choose_device

METHOD = (
    "Each motion gets the action of its nearest training clip, by joint trajectories alone: how far each joint moves,\n"
    "how often it swings, poses over time, path, turning, speed. Real clips are named so too, never by themselves."
)
SHEET_ROWS = 6


def run(args: argparse.Namespace) -> int:
    """Generate, name, print and write.

    Raises:
        UserError: not a text-to-motion model; a store that does not fit it, lacks the split, the label or captions;
            a number out of range; a folder that cannot be written.
    """
    if args.per_action < 1:
        raise UserError(f"--per-action {args.per_action}: at least one caption an action is needed")
    if args.repeats < 1:
        raise UserError(f"--repeats {args.repeats}: at least one is needed")
    if args.out is not None and args.out.exists() and not args.out.is_dir():
        raise UserError(f"{args.out} is a file; name a folder")
    model = TextToMotion.from_pretrained(args.model, device=choose_device(args.device))
    store = open_store(args.data, model.facts)
    actions = actions_of(store, args.label)
    homes = home_splits(store, actions, args.split)
    seeds = range(args.seed, args.seed + args.repeats)
    asked = [choose_prompts(store, actions, homes, args.per_action, seed) for seed in seeds]
    if not asked[0]:
        raise UserError(f"{args.data} has no captions to generate from")
    batching = Batching(quiet=args.json)
    reference = Reference(store, model.max_frames, batching)
    real = equal_windows(store, _real_clips(store, actions, homes), model.max_frames)
    described = describe_windows(store, real, batching, "real clips")
    named = name_motions(reference, actions, described, [window.clip for window in real], args.neighbours)
    drawn = [_generate(model, prompts, seed, args) for prompts, seed in zip(asked, seeds, strict=True)]
    found = [name_motions(reference, actions, _describe(store, motions), votes=args.neighbours) for motions in drawn]
    repeats = [
        {"seed": seed} | _score(make_rows(prompts, made, real, named, reference, actions), args.split)
        for seed, prompts, made in zip(seeds, asked, found, strict=True)
    ]
    prompts, motions, made = list(chain(*asked)), list(chain(*drawn)), join(found)
    rows = make_rows(prompts, made, real, named, reference, actions)
    report = {
        **_origin(args, model, store),
        **_score(rows, args.split),
        **_totals(rows, made.distances, named.distances),
        "repeats": repeats,
        "actions": [row.to_dict() for row in rows],
        "motions": _account(prompts, motions, made, store),
    }
    table = f"{METHOD}\n\n{_table(rows)}\n\n{_summary(report)}"
    if args.out is not None:
        report["sheets"] = _write_sheets(prompts, motions, made, args.out)
        _write_text(args.out / "table.md", f"{table}\n")
        _write_text(args.out / "table.json", f"{json.dumps(report, indent=1)}\n")
    print(json.dumps(report, indent=1) if args.json else table)
    return 0


def _generate(model: TextToMotion, prompts: Sequence[Prompt], seed: int, args: argparse.Namespace) -> list[Motion]:
    """Return a motion for each prompt, of the length that its clip has."""
    return model.generate(
        [prompt.caption for prompt in prompts],
        frames=[min(max(prompt.frames, model.min_frames), model.max_frames) for prompt in prompts],
        seed=seed,
        guidance=args.guidance,
        temperature=args.temperature,
        clean=False,  # the model is judged, not what is done to its motions
    )


def _real_clips(store: MotionStore, actions: Sequence[str], homes: dict[str, str]) -> list[int]:
    """Return the clips of each action in the split that its captions are from."""
    return [clip for clip, action in enumerate(actions) if store.split(clip) == homes.get(action)]


def _origin(args: argparse.Namespace, model: TextToMotion, store: MotionStore) -> dict[str, Any]:
    """Return what the figures depend on."""
    weights = sorted(Path(args.model).rglob("*.safetensors"))
    return {
        "model": str(args.model),
        "model_digest": digest_bytes(*(path.read_bytes() for path in weights)),
        "trained_on_this_data": model.facts.difference(store.facts) is None,
        "data": str(args.data),
        "data_digests": dict(store.facts.digests),
        "licence": store.facts.licence,
        **{name: getattr(args, name) for name in ("split", "label", "per_action", "neighbours", "seed")},
        **{name: getattr(args, name) for name in ("guidance", "temperature")},
    }


def _score(rows: Sequence[Row], split: str) -> dict[str, int]:
    """Return what one repeat, or all together, recognise: actions, those of them that the split shows, motions."""
    known = [row for row in rows if 2 * row.recognised > row.generated]
    return {
        "recognised_actions": len(known),
        "recognised_actions_of_split": sum(row.split == split for row in known),
        "recognised": sum(row.recognised for row in rows),
        "generated": sum(row.generated for row in rows),
    }


def _totals(rows: Sequence[Row], made: Tensor, real: Tensor) -> dict[str, Any]:
    """Return the figures over all actions, from the rows and the distances of generated and of real motions."""
    return {
        "real_recognised": sum(row.real_recognised for row in rows),
        "real": sum(row.real for row in rows),
        "distance": float(made.mean()),
        "real_distance": float(real.mean()),
        "nearer_than_any_real": int((made < real.min()).sum()),
    }


def _describe(store: MotionStore, motions: Sequence[Motion]) -> Samples:
    """Describe generated motions."""
    joints = pad_sequence([motion.positions for motion in motions], batch_first=True)
    lengths = torch.tensor([motion.frames for motion in motions])
    return trajectory_descriptor(joints, lengths, fps=store.facts.fps, facing=store.facts.skeleton.facing)


def _account(
    prompts: Sequence[Prompt], motions: Sequence[Motion], made: Named, store: MotionStore
) -> list[dict[str, Any]]:
    return [
        {
            "action": prompt.action,
            "caption": prompt.caption,
            "frames": motion.frames,
            "named": label,
            "nearest": store.ids[window.clip],
            "distance": distance,
        }
        for prompt, motion, label, window, distance in zip(
            prompts, motions, made.labels, made.windows, made.distances.tolist(), strict=True
        )
    ]


def _table(rows: Sequence[Row]) -> str:
    """Return the rows as an aligned Markdown table."""
    head = (
        *("action", "captions of", "generated", "recognised", "most often taken for"),
        *("real clips", "recognised", "distance", "real distance"),
    )
    body = [
        (
            row.action,
            row.split,
            str(row.generated),
            f"{row.recognised / row.generated:.0%}",
            row.confused or "–",
            str(row.real),
            f"{row.real_recognised / row.real:.0%}" if row.real else "–",
            f"{row.distance:.2f}",
            "–" if row.real_distance is None else f"{row.real_distance:.2f}",
        )
        for row in rows
    ]
    widths = [max(len(line[column]) for line in (head, *body)) for column in range(len(head))]
    lines = [head, tuple("-" * width for width in widths), *body]
    return "\n".join(
        f"| {' | '.join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))} |" for line in lines
    )


def _summary(report: dict[str, Any]) -> str:
    actions = len(report["actions"])
    elsewhere = [row["action"] for row in report["actions"] if row["split"] != report["split"]]
    lines = [
        f"{report['recognised_actions']} of {actions} actions are recognised in more than half of their motions;"
        f" {report['recognised']} of {report['generated']} motions,"
        f" {report['real_recognised']} of {report['real']} real clips.",
        f"Distance to the nearest training clip: {report['distance']:.2f} generated,"
        f" {report['real_distance']:.2f} real; {report['nearer_than_any_real']} generated motions"
        " are nearer to one than any real clip is.",
    ]
    if len(report["repeats"]) > 1:
        ways = {"recognised_actions": actions, "recognised_actions_of_split": actions - len(elsewhere)}
        lines += [_over_repeats(report, key, count) for key, count in ways.items()]
    if elsewhere:
        lines.append(f"No clip of the {report['split']} split shows {', '.join(elsewhere)}: captions of other splits.")
    if not report["trained_on_this_data"]:
        lines.append("The model was trained on other data than this store's.")
    lines.append(f"Model {report['model_digest']}, data {report['data_digests']}, seed {report['seed']}.")
    return "\n".join(lines)


def _over_repeats(report: dict[str, Any], key: str, actions: int) -> str:
    counts = [repeat[key] for repeat in report["repeats"]]
    where = f" that the {report['split']} split shows" if key.endswith("split") else ""
    return (
        f"Over {len(counts)} seeds {sum(counts) / len(counts):.1f} of the {actions} actions{where} are recognised"
        f" ({min(counts)} to {max(counts)})."
    )


def _write_sheets(prompts: Sequence[Prompt], motions: Sequence[Motion], made: Named, folder: Path) -> list[str]:
    """Write contact sheets of the first motion of each action, whatever it shows; return their names."""
    first = {prompt.action: at for at, prompt in reversed(list(enumerate(prompts)))}
    chosen = sorted(first.values())
    names = []
    for number, start in enumerate(range(0, len(chosen), SHEET_ROWS), start=1):
        rows = chosen[start : start + SHEET_ROWS]
        titles = [f"{prompts[i].action}: {prompts[i].caption} [taken for {made.labels[i]}]" for i in rows]
        contact_sheet([motions[i] for i in rows], titles, folder / f"sheet-{number}.png")
        names.append(f"sheet-{number}.png")
    return names


def _write_text(path: Path, text: str) -> None:
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
