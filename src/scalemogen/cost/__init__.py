"""What a recipe costs: parameters, operations, memory, known before anything is trained."""

from scalemogen.cost.recipe import (
    WORDS,
    Cost,
    Devices,
    TokenizerPlan,
    Tokens,
    build,
    estimate,
    on_devices,
    plan_tokenizer,
    prepare,
)
from scalemogen.cost.running import Memory, Settings, Training
from scalemogen.cost.stand_ins import KnownData, assume, know
from scalemogen.cost.tracker import Footprint, LiveMemory, footprint

__all__ = [
    "WORDS",
    "Cost",
    "Devices",
    "Footprint",
    "KnownData",
    "LiveMemory",
    "Memory",
    "Settings",
    "TokenizerPlan",
    "Tokens",
    "Training",
    "assume",
    "build",
    "estimate",
    "footprint",
    "know",
    "on_devices",
    "plan_tokenizer",
    "prepare",
]
