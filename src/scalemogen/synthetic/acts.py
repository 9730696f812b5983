"""What a clip shows: one record per action, JSON-able, the same words that captions and checks use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from scalemogen.errors import UserError

_OTHER = {"left": "right", "right": "left"}


@dataclass(frozen=True)
class Act:
    """One action.

    Attributes:
        action: a key of `ACTIONS`.
        speed: "slow", "normal", "fast", or None where the action has no speed of its own.
        side: limb or direction side: "left", "right", "both", or None where the action has no side.
        direction: where to, in the action's own words, or None.
        count: repetitions (steps where the action is gait), or None where the sentence gives no number.
        degrees: how far a turn goes, or None.
        height: "low" or "high", or None.
    """

    action: str
    speed: str | None = "normal"
    side: str | None = None
    direction: str | None = None
    count: int | None = None
    degrees: int | None = None
    height: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain Python values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Act:
        """Build from `to_dict`'s result.

        Raises:
            UserError: an unknown field, or no action.
        """
        known = {f.name for f in fields(cls)}
        if "action" not in value or not set(value) <= known:
            raise UserError(f"action attributes {sorted(value)}: allowed are {sorted(known)}, 'action' is needed")
        return cls(**value)

    def mirrored(self) -> Act:
        """Return the act with left and right exchanged."""
        return replace(
            self,
            side=_OTHER.get(self.side or "", self.side),
            direction=_OTHER.get(self.direction or "", self.direction),
        )


def acts_of(attributes: Mapping[str, Any]) -> tuple[Act, ...]:
    """Return the acts that a clip's attributes hold, in order.

    Raises:
        UserError: the attributes are not those of a synthetic clip.
    """
    if not isinstance(attributes.get("acts"), list) or not attributes["acts"]:
        raise UserError(f"attributes {sorted(attributes)}: 'acts' with at least one action is needed")
    return tuple(Act.from_dict(act) for act in attributes["acts"])


def mirrored_attributes(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the attributes of the mirrored motion."""
    return {**attributes, "acts": [act.mirrored().to_dict() for act in acts_of(attributes)]}
