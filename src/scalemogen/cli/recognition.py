"""Which action a motion shows, judged by the training clips of a store: the work behind `scalemogen recognise`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from scalemogen.data_modules import MotionStore
from scalemogen.errors import UserError
from scalemogen.metrics.functional import Nearest, nearest_labels, trajectory_descriptor
from scalemogen.motion import get_layout

TRAIN = "train"
FALLBACK = ("compose", "val", TRAIN)
"""Splits that captions and real clips of an action come from where the wanted split has none of it."""


@dataclass(frozen=True)
class Prompt:
    """A caption to generate from.

    Attributes:
        action: what the motion should be recognised as.
        caption: the sentence.
        split: where the caption is from.
        frames: length of the clip that the caption describes.
    """

    action: str
    caption: str
    split: str
    frames: int


@dataclass(frozen=True)
class Described:
    """Motions as `trajectory_descriptor` sees them.

    Attributes:
        groups: the descriptor.
        actions: one a motion.
        clips: (motions,) int64, clip of the store that a motion is, or is a window of.
    """

    groups: dict[str, Tensor]
    actions: list[str]
    clips: Tensor


@dataclass(frozen=True)
class Row:
    """One action's line of the table.

    Attributes:
        action: its name.
        split: where its captions and real clips are from.
        generated: motions, each of another caption.
        recognised: generated motions whose nearest training clip shows the action.
        confused: the most frequent other answer, "" if there is none.
        real: real clips of the split (windows, where they are longer than the model's longest motion) whose action
            some other training clip shows.
        real_recognised: those whose nearest training clip shows the action.
        distance: mean distance of the generated motions to their nearest training clip.
        real_distance: the same of the real clips; None where there are none.
    """

    action: str
    split: str
    generated: int
    recognised: int
    confused: str
    real: int
    real_recognised: int
    distance: float
    real_distance: float | None

    def to_dict(self) -> dict[str, Any]:
        """Return plain Python values, for JSON."""
        return asdict(self)


def actions_of(store: MotionStore, key: str) -> list[str]:
    """Return the action of every clip.

    Raises:
        UserError: a clip has no such attribute.
    """
    found = []
    for index in range(len(store)):
        attributes = store.attributes(index)
        if key not in attributes:
            known = ", ".join(sorted(attributes)) or "no attributes"
            raise UserError(
                f"{store.path}: clip {store.ids[index]!r} has no attribute {key!r} to name it by; it has {known}"
            )
        found.append(str(attributes[key]))
    return found


def home_splits(store: MotionStore, actions: Sequence[str], split: str) -> dict[str, str]:
    """Return where each action's captions are taken from: `split`, or the first of FALLBACK that shows the action.

    Raises:
        UserError: the store has no such split.
    """
    wanted = (split, *(name for name in FALLBACK if name in store.split_names and name != split))
    shown = {name: {actions[index] for index in store.indices(name)} for name in wanted}
    homes = ((action, [name for name in wanted if action in shown[name]]) for action in sorted(set(actions)))
    return {action: found[0] for action, found in homes if found}


def choose_prompts(
    store: MotionStore, actions: Sequence[str], homes: dict[str, str], count: int, seed: int
) -> list[Prompt]:
    """Return up to `count` different captions of each action, drawn from all clips of its split, action by action."""
    generator = torch.Generator().manual_seed(seed)
    prompts = []
    for action, split in homes.items():
        clips = [int(index) for index in store.indices(split) if actions[index] == action]
        texts = [(text, clip) for clip in clips for text in store.captions(clip) if text.strip()]
        drawn: dict[str, int] = {}
        for at in torch.randperm(len(texts), generator=generator).tolist():
            drawn.setdefault(*texts[at])
        chosen = list(drawn.items())[:count]
        prompts += [Prompt(action, text, split, int(store.lengths[clip])) for text, clip in chosen]
    return prompts


def describe_clips(store: MotionStore, actions: Sequence[str], clips: Sequence[int], max_frames: int) -> Described:
    """Describe clips of a store; one that is longer than `max_frames` is cut into equal windows."""
    layout = get_layout(store.facts.layout)
    windows: list[torch.Tensor] = []
    owners: list[int] = []
    for clip in clips:
        positions = layout.positions(torch.from_numpy(np.array(store.clip(clip))))
        parts = positions.tensor_split(-(-len(positions) // max_frames))
        windows += parts
        owners += [clip] * len(parts)
    return Described(describe(store, windows), [actions[clip] for clip in owners], torch.tensor(owners))


def describe(store: MotionStore, motions: Sequence[Tensor]) -> dict[str, Tensor]:
    """Describe motions (T, J, 3) of any lengths, with a progress bar on terminals."""
    facing, fps = store.facts.skeleton.facing, store.facts.fps
    rows = [
        trajectory_descriptor(motion[None], torch.tensor([len(motion)]), fps=fps, facing=facing)
        for motion in tqdm(motions, desc="describing", unit="motion", delay=2, disable=None)
    ]
    return {name: torch.cat([row[name] for row in rows]) for name in rows[0]}


def name_motions(
    query: dict[str, Tensor], reference: Described, clips: Tensor | None = None, votes: int = 1
) -> Nearest:
    """Name motions by their nearest references; with `clips`, a motion is never compared with its own clip.

    Raises:
        UserError: more votes than references.
    """
    exclude = None if clips is None else clips[:, None] == reference.clips
    left = len(reference.actions) - (0 if exclude is None else int(exclude.sum(dim=1).max()))
    if not 1 <= votes <= left:
        raise UserError(f"{votes} neighbours: at least 1 and at most {left}, the number of training clips")
    return nearest_labels(query, reference.groups, reference.actions, neighbours=votes, exclude=exclude)


def make_rows(
    prompts: Sequence[Prompt], made: Nearest, real: Described, named: Nearest, reference: Described
) -> list[Row]:
    """Return one row an action, in the order of the prompts.

    Args:
        prompts: P.
        made: names of the P generated motions.
        real: real clips.
        named: their names.
        reference: training clips.
    """
    owners: dict[str, set[int]] = {}
    for action, clip in zip(reference.actions, reference.clips.tolist(), strict=True):
        owners.setdefault(action, set()).add(clip)
    rows = []
    for action in dict.fromkeys(prompt.action for prompt in prompts):
        at = [i for i, prompt in enumerate(prompts) if prompt.action == action]
        answers = [made.labels[i] for i in at]
        others = Counter(answer for answer in answers if answer != action).most_common(1)
        kin = owners.get(action, set())
        judged = [
            i
            for i, (shown, clip) in enumerate(zip(real.actions, real.clips.tolist(), strict=True))
            if shown == action and kin - {clip}
        ]
        rows.append(
            Row(
                action=action,
                split=prompts[at[0]].split,
                generated=len(at),
                recognised=answers.count(action),
                confused=others[0][0] if others else "",
                real=len(judged),
                real_recognised=sum(named.labels[i] == action for i in judged),
                distance=float(made.distances[at].mean()),
                real_distance=float(named.distances[judged].mean()) if judged else None,
            )
        )
    return rows
