"""Figures per action, style, or whatever the clips of a store are labelled with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from scalemogen.data_modules import MotionStore
from scalemogen.evaluation.intervals import Figure, figures
from scalemogen.evaluation.scores import Pairs

MOST_GROUPS = 100
"""A label with more values than this among all clips is a name, not a group."""

Labels = dict[str, list[str]]
"""Name of a label -> its value for every clip of a store."""


def labels_of(store: MotionStore) -> Labels:
    """Return what the clips of a store are labelled with.

    A label is an attribute that every clip has, as a word, with at least 2 and at most MOST_GROUPS values; of synthetic
    clips also the action (several in the order in which they are done).
    """
    rows = [_words(store.attributes(clip)) for clip in range(len(store))]
    names = [name for name in rows[0] if all(name in row for row in rows)]
    labels = {name: [row[name] for row in rows] for name in names}
    return {name: values for name, values in labels.items() if 2 <= len(set(values)) <= MOST_GROUPS}


def _words(attributes: Mapping[str, Any]) -> dict[str, str]:
    words = {name: value for name, value in attributes.items() if isinstance(value, str)}
    acts = attributes.get("acts")
    if isinstance(acts, list) and all(isinstance(act, dict) and "action" in act for act in acts):
        words["action"] = " then ".join(str(act["action"]) for act in acts)
    return words


def break_down(
    labels: Sequence[str],
    clips: Sequence[Sequence[int]],
    rows: Mapping[str, Sequence[tuple[Pairs, Tensor]]],
    answers: Sequence[str],
) -> dict[str, Any]:
    """Return the figures of every group.

    Args:
        labels: of every clip of the store.
        clips: per repeat, the clip of each pair.
        rows: row of the table -> per repeat, how well its motions fit their sentences, and the numbers (N,) of their
            nearest training windows.
        answers: label of every training window.

    Returns:
        Group -> {"clips": most in a repeat, row: figures}. A figure's values are those of the repeats in which the
        group has any.
    """
    groups = sorted({labels[clip] for repeat in clips for clip in repeat})
    result: dict[str, Any] = {}
    for group in groups:
        members = [torch.tensor([at for at, clip in enumerate(repeat) if labels[clip] == group]) for repeat in clips]
        result[group] = {"clips": max(len(rows_of) for rows_of in members)} | {
            name: _figures(group, members, repeats, answers) for name, repeats in rows.items()
        }
    return result


def _figures(
    group: str,
    members: Sequence[Tensor],
    repeats: Sequence[tuple[Pairs, Tensor]],
    answers: Sequence[str],
) -> dict[str, Figure]:
    """Return the figures of one group in one row."""
    found = []
    for at, (pairs, nearest) in zip(members, repeats, strict=True):
        if len(at):
            scores = pairs.scores(at)
            scores["recognised"] = sum(answers[window] == group for window in nearest[at].tolist()) / len(at)
            found.append(scores)
    return figures(found)
