"""How a split becomes numbers: one small record for each way in which the field does it, and the honest one.

Numbers of two protocols must never be compared (paper_facts section 8, pitfalls 1, 2 and 9): every result carries the
record's fields.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from types import MappingProxyType
from typing import Any, Literal

from scalemogen.errors import UserError
from scalemogen.evaluators import Distance


@dataclass(frozen=True)
class Protocol:
    """The honest protocol: every clip of the split, whole where the model can, all chances drawn from the seed.

    Every repeat draws one caption of each clip, the pools, the motions and the pairs. No clip is left out for its
    length; one that is longer than the model's longest motion is cut to its middle, and counted. Two clips with the
    same caption never meet in a retrieval pool, where only chance could tell them apart. The real row's FID and KID
    compare two random halves of the real motions. The attributes are the protocol's settings.

    Attributes:
        name: on the command line and in results.
        caption: which caption of a clip is taken.
        crop: where a clip is cut that must be cut.
        unit: lengths are cut to multiples of this many frames.
        unit_drop: chance that a motion loses one unit more.
        shortest, longest: clips of fewer or more frames are left out; None keeps all.
        cut_to: longer clips are cut to so many frames; None: the model's longest motion (which no protocol exceeds).
        order: of the clips.
        pools: "consecutive" clips of that order; the last, incomplete pool is then left out of every metric. Or drawn
            so that all clips of a pool have "different captions": what is left over in a repeat is missing from its
            retrieval alone.
        pool: motions that a sentence has to choose from, its own included.
        distance: for retrieval; None: the one that the evaluator was trained with.
        diversity_pairs: pairs of motions whose mean distance is the diversity; where there are not more motions than
            that, DIVERSITY_FEW.
        texts, samples, pairs: of MultiModality: sentences, motions of each, pairs of each.
        real_against: what the real row's FID and KID compare the real motions with: the same clips drawn again, or
            one random half with the other.
    """

    name: str = "default"
    caption: Literal["first", "random"] = "random"
    crop: Literal["centre", "random"] = "centre"
    unit: int = 1
    unit_drop: float = 0.0
    shortest: int | None = None
    longest: int | None = None
    cut_to: int | None = None
    order: Literal["shuffled", "length", "store"] = "store"
    pools: Literal["consecutive", "different captions"] = "different captions"
    pool: int = 32
    distance: Distance | None = None
    diversity_pairs: int = 300
    texts: int = 30
    samples: int = 10
    pairs: int = 10
    real_against: Literal["halves", "redrawn"] = "halves"

    @property
    def purpose(self) -> str:
        """The first sentence of the docstring."""
        return (self.__doc__ or "").split("\n", 1)[0]

    def with_pool(self, pool: int) -> Protocol:
        """Return the protocol with pools of another size.

        Raises:
            UserError: a pool of fewer than three.
        """
        if pool < 3:
            raise UserError(f"a pool of {pool}: at least 3 are needed, R-precision looks at the nearest 3")
        return replace(self, pool=pool)

    def diversity_pairs_of(self, motions: int) -> int:
        """Return how many pairs the diversity of so many motions is the mean of."""
        return min(motions, self.diversity_pairs if motions > self.diversity_pairs else DIVERSITY_FEW)

    def to_dict(self) -> dict[str, Any]:
        """Return plain Python values, for JSON."""
        return asdict(self)


DIVERSITY_FEW = 100
"""Pairs of motions for the diversity of a set of at most `diversity_pairs` motions."""


@dataclass(frozen=True)
class HumanML3D(Protocol):
    """The field's usual way on HumanML3D: shuffled pools of 32, random captions and crops, 40 to 199 frames.

    One motion in three loses an extra unit of four frames, pools are consecutive clips of the shuffled split, and the
    incomplete last one is dropped. The real row is drawn a second time with other captions and crops.
    """

    name: str = "humanml3d"
    crop: Literal["centre", "random"] = "random"
    unit: int = 4
    unit_drop: float = 1 / 3
    shortest: int | None = 40
    longest: int | None = 199
    cut_to: int | None = 196
    order: Literal["shuffled", "length", "store"] = "shuffled"
    pools: Literal["consecutive", "different captions"] = "consecutive"
    distance: Distance | None = "euclidean"
    texts: int = 100
    samples: int = 30
    real_against: Literal["halves", "redrawn"] = "redrawn"


@dataclass(frozen=True)
class HumanML3DDeterministic(HumanML3D):
    """As the reference code of ScaleMoGen measures: first caption, centre crop, clips ordered by length.

    Pools hold motions of similar length, and the dropped last one holds the longest. Only the sampling differs between
    repeats.
    """

    name: str = "humanml3d-deterministic"
    caption: Literal["first", "random"] = "first"
    crop: Literal["centre", "random"] = "centre"
    unit_drop: float = 0.0
    order: Literal["shuffled", "length", "store"] = "length"
    texts: int = 32


@dataclass(frozen=True)
class Kit(HumanML3D):
    """As the field measures on KIT-ML: the protocol of HumanML3D on clips of 24 to 199 frames (at 12.5 a second)."""

    name: str = "kit"
    shortest: int | None = 24


@dataclass(frozen=True)
class SnapMoGen(Protocol):
    """As SnapMoGen's benchmark measures: shuffled pools of 100, cosine, random captions and crops, from 128 frames on.

    Longer clips are cut to 320 frames at random, lengths to multiples of eight; the incomplete last pool is dropped.
    """

    name: str = "snapmogen"
    crop: Literal["centre", "random"] = "random"
    unit: int = 8
    shortest: int | None = 128
    cut_to: int | None = 320
    order: Literal["shuffled", "length", "store"] = "shuffled"
    pools: Literal["consecutive", "different captions"] = "consecutive"
    pool: int = 100
    distance: Distance | None = "cosine"
    texts: int = 100
    samples: int = 30
    real_against: Literal["halves", "redrawn"] = "redrawn"


PROTOCOLS: Mapping[str, Protocol] = MappingProxyType(
    {protocol.name: protocol for protocol in (Protocol(), HumanML3D(), HumanML3DDeterministic(), Kit(), SnapMoGen())}
)


def get_protocol(name: str) -> Protocol:
    """Return a protocol by name.

    Raises:
        UserError: there is none of this name.
    """
    if name not in PROTOCOLS:
        raise UserError(f"protocol {name!r}: choose from {', '.join(PROTOCOLS)}")
    return PROTOCOLS[name]
