"""What edits keep and what they move, over held-out clips: the work behind `scalemogen measure-edits`.

Axis letters: N clips, T frames, J joints, G parts, K scales.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import torch
from torch import Tensor

from scalemogen.data_modules import MotionStore
from scalemogen.editing import Edited, EditRequest, part_numbers
from scalemogen.errors import UserError
from scalemogen.evaluation.draws import Draws, read_windows, seed_of
from scalemogen.evaluation.protocols import get_protocol
from scalemogen.evaluation.samples import Batching, Samples
from scalemogen.motion import Motion, get_layout
from scalemogen.motion.heading import heading
from scalemogen.motion.rotations import turn_about_y
from scalemogen.pipeline import TextToMotion

FORMAT = 1
KIND = "scalemogen edits"
TAUS = (0.0, 0.1, 0.3, 0.5, 0.8)
CENTIMETRES = 100.0

Region = Literal["parts", "middle third", "everything", "nothing"]


@dataclass(frozen=True)
class Setting:
    """One way of editing all clips.

    Attributes:
        region: what may change; "middle third" is that of the frames, in all parts. "nothing" shows what the tokenizer
            loses.
        strength: a name of `STRENGTHS`.
        tau: τ with γ = 0; None = those of the strength.
        sourced: whether the clip's own caption is given as source text.
        composed: whether the given motion is taken outside the region; else all is as the decoder makes it.
    """

    region: Region
    strength: str = "medium"
    tau: float | None = None
    sourced: bool = True
    composed: bool = True


SETTINGS = (
    Setting("nothing", "full", composed=False),
    *(Setting("parts", strength) for strength in ("subtle", "medium", "strong", "full")),
    Setting("parts", "strong", sourced=False),
    Setting("parts", composed=False),
    Setting("middle third"),
    Setting("middle third", composed=False),
    *(Setting("everything", "strong", tau) for tau in TAUS),
)


@dataclass(frozen=True)
class Clip:
    """A held-out motion, its caption, and the seed of its edits."""

    motion: Motion
    caption: str
    seed: int

    def frames(self, region: Region) -> tuple[int, int] | None:
        """Return (first, after the last) frame that may change; None = all."""
        third = self.motion.frames // 3
        return (third, self.motion.frames - third) if region == "middle third" else None


def choose_clips(store: MotionStore, split: str, count: int, seed: int, model: TextToMotion) -> list[Clip]:
    """Return `count` clips of a split, or all where there are fewer, with the first caption of each.

    Args:
        store: whose features the model takes.
        split: its name.
        count: at least one.
        seed: of the choice, and of the first clip's edits; the next one has the next number.
        model: clips longer than its longest motion are cut to their middle.

    Raises:
        UserError: no such split, or no clip with a caption in it that is long enough.
    """
    shortest = max(3, model.min_frames)  # three thirds
    draws = Draws(store, split, get_protocol("default"), seed, model.max_frames, shortest)
    windows = draws.windows()
    if not windows:
        raise UserError(f"split {split!r} of {store.path} has no clip with a caption and {shortest} frames or more")
    generator = torch.Generator().manual_seed(seed_of(seed, "edits", split))
    rows = torch.randperm(len(windows), generator=generator)[:count].sort().values.tolist()
    layout, facts = get_layout(store.facts.layout), store.facts
    clips = []
    for number, row in enumerate(rows):
        (features, _), index = read_windows(store, [windows[row]]), windows[row].clip
        caption = next(text for text in store.captions(index) if text.strip())
        clips.append(Clip(layout.to_motion(features[0], facts.skeleton, facts.fps), caption, seed + number))
    return clips


def measure_edits(
    model: TextToMotion,
    clips: Sequence[Clip],
    text: str,
    parts: Sequence[str],
    batching: Batching,
    *,
    guidance: float | None = None,
    temperature: float | None = None,
) -> dict[str, Any]:
    """Edit clips to one sentence in all SETTINGS. Feet are not cleaned.

    Args:
        model: a text-to-motion model.
        clips: at least one.
        text: what the results are to show.
        parts: names of the parts that may change where the setting says so.
        batching: how clips are put together.
        guidance: how closely the texts are followed; default: the model's.
        temperature: of the sampling; default: the model's.

    Returns:
        "format", "kind", "text", "parts", "clips", "frames" and "rows": plain values, complete but for the origins.

    Raises:
        UserError: unknown parts; see also `TextToMotion.generate` and `TextToMotion.edit_with_report`.
    """
    names = model.facts.skeleton.parts
    chosen = part_numbers(model.facts.skeleton, parts)
    lengths = [clip.motion.frames for clip in clips]
    edit = partial(model.edit_with_report, guidance=guidance, temperature=temperature, clean=False)
    made = model.generate(
        [text] * len(clips),
        frames=lengths,
        seed=clips[0].seed,
        guidance=guidance,
        temperature=temperature,
        clean=False,
    )
    target = torch.cat([from_body(motion) for motion in made]).mean(0)
    rows = []
    for setting in SETTINGS:
        touched = sorted(chosen) if setting.region == "parts" else list(range(len(names)))

        def work(batch: list[Clip], setting: Setting = setting, touched: list[int] = touched) -> Samples:
            requests = [_request(setting, clip, text, parts, len(model.spec.scales)) for clip in batch]
            edits = edit([clip.motion for clip in batch], requests)
            figures = [
                _figures(edited, clip.frames(setting.region), touched, target)
                for clip, edited in zip(batch, edits, strict=True)
            ]
            return {name: torch.stack([one[name] for one in figures]) for name in figures[0]}

        rows.append(_row(setting, batching.run(clips, lengths, work, _label(setting)), names, touched))
    return {
        "format": FORMAT,
        "kind": KIND,
        "text": text,
        "parts": [names[number] for number in sorted(chosen)],
        "clips": len(clips),
        "frames": [min(lengths), max(lengths)],
        "rows": rows,
    }


def from_body(motion: Motion) -> Tensor:
    """Return joints (T, J, 3) about the point of the floor below the root, turned to face +Z; metres, float64."""
    joints = motion.positions.double()
    angle = heading(joints, motion.skeleton.facing, motion.fps)
    floor = joints[:, :1] * joints.new_tensor([1.0, 0.0, 1.0])
    return turn_about_y(joints - floor, -angle[:, None].expand(joints.shape[:2]))


def posture_gap(motion: Motion, frames: slice, parts: Sequence[int], target: Tensor) -> Tensor:
    """Return () how far the joints of parts are from where they are in a posture, on the mean over frames, in cm.

    Timing does not count: the mean posture of the frames is compared with `target` (J, 3), as `from_body` sees it.
    """
    joints = [joint for joint, part in enumerate(motion.skeleton.part_of) if part in parts]
    lack = from_body(motion)[frames].mean(0) - target
    distance: Tensor = torch.linalg.vector_norm(lack[joints], dim=-1).mean()
    return CENTIMETRES * distance


def _request(setting: Setting, clip: Clip, text: str, parts: Sequence[str], scales: int) -> EditRequest:
    kept = {"nothing": scales, "everything": 0}  # γ; elsewhere the strength's
    return EditRequest(
        text=text,
        source_text=clip.caption if setting.sourced else None,
        parts=tuple(parts) if setting.region == "parts" else None,
        frames=clip.frames(setting.region),
        strength=setting.strength,
        gamma=kept.get(setting.region),
        tau=setting.tau,
        seed=clip.seed,
        compose=setting.composed,
    )


def _figures(edit: Edited, frames: tuple[int, int] | None, touched: Sequence[int], target: Tensor) -> Samples:
    """Return the figures of one edit: kept (K), inside (G), outside (G), before (), after ()."""
    moved = torch.stack(list(edit.report.moved.values()), dim=1)
    inside = slice(*(frames or (0, len(moved))))
    figures = {
        "kept": torch.tensor(edit.report.kept),
        "inside": moved[inside].mean(0),
        "before": posture_gap(edit.original, inside, touched, target),
        "after": posture_gap(edit.motion, inside, touched, target),
    }
    if frames is not None:
        figures["outside"] = torch.cat((moved[: inside.start], moved[inside.stop :])).mean(0)
    return figures


def _row(setting: Setting, found: Samples, names: Sequence[str], touched: Sequence[int]) -> dict[str, Any]:
    """Return the means over clips as plain values."""
    mean = {name: values.double().mean(0) for name, values in found.items()}
    moved = {key: dict(zip(names, mean[key].tolist(), strict=True)) for key in ("inside", "outside") if key in mean}
    return {
        "region": setting.region,
        "may_change": [names[part] for part in touched] if setting.region != "nothing" else [],
        "strength": setting.strength,
        "tau": setting.tau,
        "source_text": setting.sourced,
        "composed": setting.composed,
        "kept_bits": mean["kept"].tolist(),
        "moved_cm": moved["inside"],
        "moved_cm_in_other_frames": moved.get("outside"),
        "posture_cm": {"before": float(mean["before"]), "after": float(mean["after"])},
    }


def _label(setting: Setting) -> str:
    return f"{setting.region}, {setting.strength if setting.tau is None else f'tau {setting.tau:g}'}"
