"""Networks and batches that have shapes and no content, for running the real code without its arithmetic or memory.

Weights and features are torch's fake tensors: every operator on them works out shapes and types alone. Everything else
(lengths, masks, indices, schedules, random draws) is real, and operators on real tensors run as ever. So what the code
reads off the data, such as the longest motion of a batch, the places of its tokens or whether a mask is full, is known,
although no activation is. Nothing here knows what a network looks like inside: packed batches, operators with backward
passes of their own and recomputed activations are followed like anything else.

The two other ways were weighed. The "meta" device says of itself that it is no CPU, so that code takes other branches
on it, and it refuses to be mixed with real masks. Extrapolating from a tiny real run needs to be told which quantity
grows with what, and would have to be told again whenever the code changes.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.nn.modules.module import register_module_parameter_registration_hook
from torch.utils._python_dispatch import TorchDispatchMode


class _Mode(FakeTensorMode):  # type: ignore[no-untyped-call]
    """One for all its tensors, copies of layers among them."""

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self


class Pretence:
    """Makes tensors without content; all that meet in an operator must come from one pretence."""

    def __init__(self) -> None:
        self._mode = _Mode(allow_non_fake_inputs=True)

    @contextmanager
    def building(self) -> Iterator[None]:
        """Let go of the content of every parameter as soon as a module takes it: buffers keep theirs."""

        def forget(module: nn.Module, name: str, parameter: nn.Parameter | None) -> Tensor | None:
            if parameter is None or isinstance(parameter, FakeTensor):
                return parameter
            pretended: Tensor = self._mode.from_tensor(parameter)
            return pretended

        handle = register_module_parameter_registration_hook(forget)  # type: ignore[arg-type]
        try:
            with _NothingThere(), warnings.catch_warnings():  # type: ignore[no-untyped-call]
                # Of copies of layers, which ask whether the tensor they copy has content.
                warnings.filterwarnings("ignore", "Accessing the data pointer of FakeTensor")
                yield
        finally:
            handle.remove()

    def empty(self, *size: int) -> Tensor:
        """Return a float32 tensor on the CPU, of this size and without content."""
        with self._mode:
            return torch.empty(size)


class _NothingThere(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Answers 0 or False when the first values of weights are asked after, as drawing them anew until they fit does."""

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        if func is torch.ops.aten._local_scalar_dense.default and isinstance(args[0], FakeTensor):
            return False if args[0].dtype is torch.bool else 0
        return func(*args, **(kwargs or {}))


class KnownMasks(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Lets real masks choose among pretended rows: how many they choose is known, and the fake tensors do not ask."""

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Run an operator; in front of `x[mask]`, turn the mask into indices."""
        if func is torch.ops.aten.index.Tensor and isinstance(args[0], FakeTensor):
            args = (args[0], [each for index in args[1] for each in _indices(index)])
        return func(*args, **(kwargs or {}))


def _indices(index: Tensor | None) -> tuple[Tensor | None, ...]:
    if index is None or isinstance(index, FakeTensor) or index.dtype is not torch.bool:
        return (index,)
    return index.nonzero(as_tuple=True)
