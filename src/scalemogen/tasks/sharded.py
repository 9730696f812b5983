"""Training with weights, gradients and optimiser states spread over the processes (FSDP2)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, TypeVar

import torch
from lightning.pytorch import Trainer
from lightning.pytorch.strategies import ModelParallelStrategy, Strategy, StrategyRegistry
from torch import Tensor, nn
from torch.distributed.fsdp import fully_shard, register_fsdp_forward_method
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.optim import Optimizer
from torch.utils._pytree import tree_map_only

from scalemogen.ar import NextScaleTransformer
from scalemogen.ar.attention import KeyValue
from scalemogen.contracts import TextFeatures, TokenMaps
from scalemogen.errors import UserError
from scalemogen.repeated import Repeated
from scalemogen.scales import Quantised
from scalemogen.tasks.muon import Muon
from scalemogen.tokenizer import MotionTokenizer, TokenizerOutput
from scalemogen.tokenizer.coders import MotionDecoder, MotionEncoder

PRECISIONS = ("32-true", "bf16-mixed", "64-true")
_T = TypeVar("_T")


class Sharded(ModelParallelStrategy):
    """Lightning's strategy for FSDP2, over all processes, with checkpoints like those of any other run.

    Every process keeps an equal part of each weight, of its running average, its gradient and its optimiser states. The
    weights of a block are brought together for the time it computes, those in no block for that of the whole network.
    Gradients are averaged over processes as DDP does it. A checkpoint is gathered by the first process into one file,
    with the names and shapes of any other run: training can go on from it with another number of devices and without
    sharding, and model folders are made from it as usual.
    """

    def __init__(self) -> None:
        super().__init__(tensor_parallel_size=1, save_distributed_checkpoint=False)
        _open_records()

    def setup_environment(self) -> None:
        """Meet the other processes; all of them share the data out."""
        self._data_parallel_size = self.num_nodes * self.num_processes
        super().setup_environment()

    def setup(self, trainer: Trainer) -> None:
        """Make the optimiser; weights that are brought together first in inference mode could not be trained."""
        for loop in (trainer.fit_loop.epoch_loop.val_loop, trainer.validate_loop, trainer.test_loop):
            loop.inference_mode = False
        super().setup(trainer)

    def shard(self, task: nn.Module) -> None:
        """Spread the weights of the networks of a task, or of a copy of it.

        Raises:
            UserError: a precision that is not supported, or no blocks.
        """
        if self.precision_plugin.precision not in PRECISIONS:
            allowed = ", ".join(PRECISIONS)
            raise UserError(f"sharded training in {self.precision_plugin.precision} is not supported; {allowed} are")
        networks = [child for child in task.children() if any(True for _ in child.parameters())]
        if not any(isinstance(part, Repeated) for part in task.modules()):
            raise UserError("this stage has no blocks to be sharded; train it with --trainer.strategy ddp")
        for network in networks:
            for part in (*_units(network), network):
                fully_shard(part, mesh=self.device_mesh["data_parallel"], reshard_after_forward=True)
            if isinstance(network, NextScaleTransformer):
                for name in ("begin", "step", "without_text"):
                    register_fsdp_forward_method(network, name)

    def gathered(self, state: _T) -> _T:
        """Return a state with whole tensors on the CPU; on other processes than the first, with empty ones instead.

        All processes must call it at the same time.
        """
        whole: _T = tree_map_only(DTensor, self._whole, state)
        return whole

    def _whole(self, part: DTensor) -> Tensor:
        whole = part.full_tensor()
        return whole.cpu() if self.is_global_zero else torch.empty(0)

    @staticmethod
    def spread(state: Mapping[str, Tensor], like: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return this process's parts of whole tensors, cut as those of the same names in `like` are."""
        return {name: _part(value, like.get(name)) for name, value in state.items()}

    def lightning_module_state_dict(self) -> dict[str, Any]:
        """Return whole weights, on the first process."""
        return self.gathered(Strategy.lightning_module_state_dict(self))

    def optimizer_state(self, optimizer: Optimizer) -> dict[str, Any]:
        """Return whole states, on the first process."""
        return self.gathered(Strategy.optimizer_state(self, optimizer))

    @property
    def lightning_restore_optimizer(self) -> bool:
        """Restore by `load_optimizer_state_dict`."""
        return True

    def load_checkpoint(self, checkpoint_path: Any, weights_only: bool | None = None) -> dict[str, Any]:
        """Read the file, as any other strategy does."""
        return Strategy.load_checkpoint(self, checkpoint_path, weights_only)

    def load_model_state_dict(self, checkpoint: Mapping[str, Any], strict: bool = True) -> None:
        """Load this process's parts."""
        module = self.lightning_module
        assert module is not None
        module.load_state_dict(self.spread(checkpoint["state_dict"], module.state_dict()), strict=strict)

    def load_optimizer_state_dict(self, checkpoint: Mapping[str, Any]) -> None:
        """Load this process's parts."""
        for optimizer, held in zip(self.optimizers, checkpoint["optimizer_states"], strict=True):
            parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
            states = {
                number: {name: _part(value, parameters[number]) for name, value in state.items()}
                for number, state in held["state"].items()
            }
            optimizer.load_state_dict({**held, "state": states})


StrategyRegistry.register("sharded", Sharded, description="FSDP2 with checkpoints like those of any other run")


@cache
def _open_records() -> None:
    """Have torch see the tensors in what networks return: they tell when a backward pass reaches the network."""
    from torch.export import register_dataclass  # takes long to import

    for record in (TextFeatures, TokenMaps, Quantised, TokenizerOutput):
        register_dataclass(record)


def _units(network: nn.Module) -> Iterable[nn.Module]:
    """Return the parts of a network that are called as a whole, inner ones first."""
    kinds = (Repeated, KeyValue, MotionEncoder, MotionDecoder)
    parts: list[nn.Module] = [part for part in network.modules() if isinstance(part, kinds)]
    if isinstance(network, MotionTokenizer):  # with it, `decode` works on its own
        parts.append(network.project_out)
    return reversed(parts)


def _part(value: Any, like: Tensor | None) -> Any:
    """Return this process's part of a whole tensor where `like`, of the same shape, has parts too."""
    if not isinstance(like, DTensor) or not isinstance(value, Tensor) or value.shape != like.shape:
        return value
    whole = value.to(like.device)
    return distribute_tensor(whole, like.device_mesh, like.placements, src_data_rank=None)


def require_sharding(optimizer: Optimizer) -> None:
    """Refuse an optimiser that needs whole matrices.

    Raises:
        UserError: it is Muon.
    """
    if isinstance(optimizer, Muon):
        raise UserError(
            "scalemogen.tasks.Muon needs whole matrices, which sharded training does not have; add"
            " --model.optimizer torch.optim.AdamW --model.optimizer.lr 3e-4, or train with --trainer.strategy ddp"
        )
