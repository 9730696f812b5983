"""Whether generated motion does what its sentence says, checked by program: on the synthetic data's words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torchmetrics import Metric

from scalemogen.errors import UserError
from scalemogen.metrics.functional.readings import KINDS, read
from scalemogen.motion import Motion
from scalemogen.synthetic import ACTIONS, check
from scalemogen.synthetic.acts import acts_of


class AttributeFigures(NamedTuple):
    """Shares, 0..1.

    Attributes:
        facts: of the facts that hold (`synthetic.check`).
        sentences: of the sentences all of whose facts hold.
        kinds: by kind of fact, of the acts that state it, the share that shows it (`functional.read`).
        actions: by action, of its acts, the share all of whose facts hold, style aside.
    """

    facts: Tensor
    sentences: Tensor
    kinds: dict[str, Tensor]
    actions: dict[str, Tensor]


class AttributeAccuracy(Metric):
    """Share of what sentences say that motions show, over all updates and processes."""

    full_state_update = False
    facts: Tensor
    sentences: Tensor
    kinds: Tensor
    actions: Tensor

    def __init__(self) -> None:
        super().__init__()
        # Held and all; sums of whole numbers are exact, so processes give the same as one.
        for name, rows in (("facts", 1), ("sentences", 1), ("kinds", len(KINDS)), ("actions", len(ACTIONS))):
            self.add_state(name, torch.zeros(rows, 2, dtype=torch.int64), dist_reduce_fx="sum")

    def update(self, motions: Sequence[Motion], attributes: Sequence[Mapping[str, Any]]) -> None:
        """Add motions with the attributes of the sentences they were made for.

        Raises:
            UserError: the numbers differ, or see `synthetic.check`.
        """
        if len(motions) != len(attributes):
            raise UserError(f"{len(motions)} motions and {len(attributes)} sets of attributes: one for each is needed")
        numbers = {name: row for row, name in enumerate(ACTIONS)}
        for motion, wanted in zip(motions, attributes, strict=True):
            facts, acts = check(motion, wanted), acts_of(wanted)
            self.facts[0] += self.facts.new_tensor([sum(facts.values()), len(facts)])
            self.sentences[0] += self.sentences.new_tensor([all(facts.values()), 1])
            for verdict in read(motion, wanted):
                for kind, held in verdict.items():
                    self.kinds[KINDS.index(kind)] += self.kinds.new_tensor([held, 1])
            for number, act in enumerate(acts, start=1):
                prefix = f"{number}." if len(acts) > 1 else ""
                own = [held for name, held in facts.items() if name != "style" and name.startswith(prefix)]
                self.actions[numbers[act.action]] += self.actions.new_tensor([bool(own) and all(own), 1])

    def compute(self) -> AttributeFigures:
        """Return the shares; kinds and actions that did not occur are left out."""
        return AttributeFigures(
            facts=_shares(self.facts)[0],
            sentences=_shares(self.sentences)[0],
            kinds=_named(KINDS, self.kinds),
            actions=_named(tuple(ACTIONS), self.actions),
        )


def _shares(counts: Tensor) -> Tensor:
    return counts[:, 0].double() / counts[:, 1]


def _named(names: Sequence[str], counts: Tensor) -> dict[str, Tensor]:
    return {
        name: share for name, share, total in zip(names, _shares(counts), counts[:, 1].tolist(), strict=True) if total
    }
