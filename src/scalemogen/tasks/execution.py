"""How the repeated blocks of a network are executed."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from scalemogen.repeated import Repeated


@dataclass(frozen=True)
class Execution:
    """Options of the repeated blocks: those of the ar transformer, the residual blocks of the tokenizer.

    Results, names of weights, checkpoints and model folders are the same with and without them.

    Attributes:
        compile: compile each block with torch.compile, which is one compilation for all blocks alike and not one of the
            whole network. Needs a C++ compiler on a CPU, Triton on a GPU.
        activation_checkpointing: keep the blocks' inputs alone for the backward pass and compute each block a second
            time there: less memory, more operations.
    """

    compile: bool = False
    activation_checkpointing: bool = False

    def apply(self, network: nn.Module) -> None:
        """Set the blocks inside `network` up."""
        for block in network.modules():
            if isinstance(block, Repeated):
                block.recompute = self.activation_checkpointing
                if self.compile:
                    block.compile()
