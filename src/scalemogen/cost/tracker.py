"""What a piece of code takes: floating point operations, operators called, bytes alive at once."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode, sdpa_backward_flop_count, sdpa_flop_count

from scalemogen.cost.pretend import KnownMasks


def _attention(query: Any, key: Any, value: Any, *_: Any, out_shape: Any = None, **__: Any) -> int:
    return int(sdpa_flop_count(query, key, value))  # type: ignore[no-untyped-call]


def _attention_backward(grad: Any, query: Any, key: Any, value: Any, *_: Any, out_shape: Any = None, **__: Any) -> int:
    return int(sdpa_backward_flop_count(grad, query, key, value))  # type: ignore[no-untyped-call]


ATTENTION = {
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: _attention,
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward: _attention_backward,
}
"""Attention on a CPU, which torch's counter leaves out; the functions take shapes."""


@dataclass(frozen=True)
class Footprint:
    """What was counted.

    Attributes:
        flops: floating point operations of matrix products, convolutions and attention; a multiply-add is two.
        calls: operators called, views among them.
        peaks: for each phase the most bytes of tensors alive at once, those from before among them that were watched.
    """

    flops: int
    calls: int
    peaks: tuple[int, ...]

    @property
    def peak(self) -> int:
        """Most bytes alive at once."""
        return max(self.peaks)


class LiveMemory(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts operators, and the bytes of all storages that they return and that are still alive.

    What a kernel takes for itself and gives back is not seen; libraries and the interpreter are not counted.

    Attributes:
        calls: operators so far.
        live: bytes now.
        peak: most bytes in this phase.
        peaks: of the phases before.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.calls = 0
        self.live = 0
        self.peak = 0
        self.peaks: tuple[int, ...] = ()
        self._known: dict[int, weakref.finalize[Any, Any]] = {}

    def watch(self, tensors: Iterable[Tensor]) -> int:
        """Count tensors that were there before; returns their bytes, shared storages once."""
        before = self.live
        for tensor in tensors:
            self._see(tensor)
        return self.live - before

    def start(self) -> None:
        """Forget operators and phases, not what is alive."""
        self.calls = 0
        self.peak = self.live
        self.peaks = ()

    def end_phase(self) -> None:
        """Begin another phase, with a peak of its own."""
        self.peaks += (self.peak,)
        self.peak = self.live

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Run an operator and look at what it returns."""
        result = func(*args, **(kwargs or {}))
        self.calls += func.namespace != "prim"  # pretended tensors are asked for their device in this way
        for leaf in tree_leaves(result):
            if isinstance(leaf, Tensor):
                self._see(leaf)
        return result

    def _see(self, tensor: Tensor) -> None:
        storage = tensor.untyped_storage()
        key = storage._cdata
        if key in self._known:
            return
        size = storage.nbytes()
        self._known[key] = weakref.finalize(storage, self._lose, key, size)
        self._known[key].atexit = False
        self.live += size
        self.peak = max(self.peak, self.live)

    def _lose(self, key: int, size: int) -> None:
        del self._known[key]
        self.live -= size


def footprint(memory: LiveMemory, run: Callable[[], None]) -> Footprint:
    """Run once and count.

    Args:
        memory: what is alive already.
        run: what to count; it may work on real tensors or on those of a `Pretence`.
    """
    memory.start()
    counter = FlopCounterMode(display=False, custom_mapping=ATTENTION)
    with memory, counter, KnownMasks():  # type: ignore[no-untyped-call]
        run()
    return Footprint(flops=counter.get_total_flops(), calls=memory.calls, peaks=(*memory.peaks, memory.peak))


def tensors_of(module: nn.Module) -> list[Tensor]:
    """Return parameters and buffers, those of frozen networks among them that a task keeps in plain lists."""
    found = [*module.parameters(), *module.buffers()]
    return found + [tensor for network in frozen_networks(module) for tensor in tensors_of(network)]


def frozen_networks(module: nn.Module) -> list[nn.Module]:
    """Return the networks that a task hides from its optimiser by keeping them in lists."""
    lists = [value for value in vars(module).values() if isinstance(value, list)]
    return [item for held in lists for item in held if isinstance(item, nn.Module)]
