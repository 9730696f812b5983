"""Which action a motion shows, judged by the training clips of a store: the work behind `scalemogen recognise`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from scalemogen.data_modules import MotionStore
from scalemogen.errors import UserError
from scalemogen.evaluation.draws import Window
from scalemogen.evaluation.neighbours import TRAIN, Reference
from scalemogen.evaluation.samples import Samples
from scalemogen.metrics.functional import majority

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
class Named:
    """Q motions, named by their nearest training windows.

    Attributes:
        labels: an action each.
        distances: (Q,) to the nearest window.
        windows: the nearest window of each.
    """

    labels: list[str]
    distances: Tensor
    windows: list[Window]


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


def name_motions(
    reference: Reference,
    actions: Sequence[str],
    descriptors: Samples,
    own: Sequence[int] | None = None,
    votes: int = 1,
) -> Named:
    """Name motions by the training windows that are nearest to them.

    Args:
        reference: the training clips.
        actions: of every clip of the store.
        descriptors: of Q motions.
        own: Q clips that the motions are parts of, and with which they are not compared.
        votes: how many windows vote; of equally many, the nearest decides.

    Raises:
        UserError: more votes than windows to compare with.
    """
    most = reference.most_neighbours(own or [])
    if not 1 <= votes <= most:
        raise UserError(f"{votes} neighbours: at least 1 and at most {most}, the number of training clips")
    near = reference.nearest(descriptors, own, votes)
    windows = [[reference.windows[at] for at in row] for row in near.indices.tolist()]
    labels = [majority([actions[window.clip] for window in row]) for row in windows]
    return Named(labels, near.distances[:, 0], [row[0] for row in windows])


def join(parts: Sequence[Named]) -> Named:
    """Return the motions of several repeats as one."""
    distances = torch.cat([part.distances for part in parts])
    return Named([x for part in parts for x in part.labels], distances, [x for part in parts for x in part.windows])


def make_rows(
    prompts: Sequence[Prompt],
    made: Named,
    real: Sequence[Window],
    named: Named,
    reference: Reference,
    actions: Sequence[str],
) -> list[Row]:
    """Return one row an action, in the order of the prompts.

    Args:
        prompts: P.
        made: names of the P generated motions.
        real: real clips.
        named: their names.
        reference: training clips.
        actions: of every clip of the store.
    """
    owners: dict[str, set[int]] = {}
    for window in reference.windows:
        owners.setdefault(actions[window.clip], set()).add(window.clip)
    rows = []
    for action in dict.fromkeys(prompt.action for prompt in prompts):
        at = [i for i, prompt in enumerate(prompts) if prompt.action == action]
        answers = [made.labels[i] for i in at]
        others = Counter(answer for answer in answers if answer != action).most_common(1)
        kin = owners.get(action, set())
        judged = [i for i, window in enumerate(real) if actions[window.clip] == action and kin - {window.clip}]
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
