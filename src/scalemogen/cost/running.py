"""One training step and one generation of a task, as Lightning would run them, counted."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from functools import partial

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from scalemogen.contracts import MotionBatch
from scalemogen.cost.tracker import Footprint, LiveMemory, footprint, frozen_networks, tensors_of
from scalemogen.sampling import generate, seeded_generators
from scalemogen.sampling.generate import evaluating
from scalemogen.tasks import ARTask, EvaluatorTask, TokenizerTask
from scalemogen.tasks.base import MotionTask, parameter_groups

Features = Callable[[int, int], Tensor]
"""Makes normalised features (B, T, F), with or without content, from B and T."""


@dataclass(frozen=True)
class Settings:
    """What a trainer adds to a task.

    Attributes:
        precision: makes the context that the forward pass runs in, such as autocast.
        clip: gradients are clipped to this norm; 0 or None leaves them alone.
    """

    precision: Callable[[], AbstractContextManager[object]]
    clip: float | None


@dataclass(frozen=True)
class Memory:
    """Bytes of tensors on one device when a training step holds most of them.

    Attributes:
        weights: of what is trained.
        frozen: of what is not, buffers among them.
        average: of the running average of the weights.
        optimiser: its states.
        gradients: of all weights; a step has those of the step before it until its backward pass begins.
        activations: everything else: the batch, what the backward pass needs, and what operators pass on.
    """

    weights: int
    frozen: int
    average: int
    optimiser: int
    gradients: int
    activations: int

    @property
    def total(self) -> int:
        """The sum of all."""
        return sum(asdict(self).values())


class Training:
    """A task with its optimiser and the running average of its weights.

    Args:
        task: built.
        settings: of the trainer.
        features: makes the batches.
    """

    def __init__(self, task: MotionTask, settings: Settings, features: Features) -> None:
        self.task = task.train()
        self.settings = settings
        self._features = features
        self.tracker = LiveMemory()
        with torch.no_grad():
            self.weights = self.tracker.watch(p for p in task.parameters() if p.requires_grad)
            self.frozen = self.tracker.watch(tensors_of(task))
            # Averaging copies the task, but not the tokenizer that it stands on, and updates the parameters.
            self._copies = [tensor.detach().clone() for tensor in (*task.parameters(), *task.buffers())]
            self.average = self.tracker.watch(self._copies)
        self._optimiser = task.optimizer(parameter_groups(task))
        for group in self._optimiser.param_groups:
            for parameter in group["params"]:
                parameter.register_post_accumulate_grad_hook(self._end_phase)
        self._update = get_ema_multi_avg_fn(0.9)  # type: ignore[no-untyped-call]

    @property
    def optimiser(self) -> int:
        """Bytes of the optimiser's states; 0 before the first step."""
        states = [value for state in self._optimiser.state.values() for value in state.values()]
        return LiveMemory().watch(value for value in states if isinstance(value, Tensor))

    def batch(self, lengths: Tensor) -> MotionBatch:
        """Make a batch of clips of these lengths (B,) in frames."""
        captions = [f"clip {row}" for row in range(len(lengths))]
        features = self._features(len(lengths), int(lengths.max()))
        return MotionBatch(features, lengths, captions, captions)

    def begin(self) -> None:
        """Make gradients (of zero) and the optimiser's states, which every step but the first finds there."""
        with self.tracker:
            for group in self._optimiser.param_groups:
                for parameter in group["params"]:
                    parameter.grad = torch.zeros_like(parameter)
            self._optimiser.step()

    def step(self, lengths: Tensor) -> Footprint:
        """Count one step on clips of these lengths (B,) in frames; `begin` comes before the first."""
        return footprint(self.tracker, partial(self.run, lengths))

    def run(self, lengths: Tensor) -> None:
        """Take one step without counting, as Lightning does: old gradients live until the backward pass."""
        with self.settings.precision(), warnings.catch_warnings():
            warnings.filterwarnings("ignore", r"You are trying to `self\.log\(\)`")  # there is no trainer to log to
            loss = self.task.training_step(self.batch(lengths), 0)
        if not isinstance(loss, Tensor):
            raise TypeError(f"a training step of stage {self.task.stage} returned {type(loss).__name__}, not its loss")
        self.tracker.end_phase()
        self._optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.tracker.end_phase()
        if self.settings.clip:
            held = [p for group in self._optimiser.param_groups for p in group["params"]]
            torch.nn.utils.clip_grad_norm_(held, self.settings.clip)
        self._optimiser.step()
        parameters = list(self.task.parameters())
        self._update(self._copies[: len(parameters)], parameters, 1)

    def _end_phase(self, parameter: Tensor) -> None:
        """Part the backward pass at every gradient that is done, so that each phase grows evenly with the batch."""
        self.tracker.end_phase()

    def memory(self, peak: int) -> Memory:
        """Split the peak of a step into its parts."""
        optimiser, gradients = self.optimiser, self.weights
        held = self.weights + self.frozen + self.average + optimiser + gradients
        return Memory(self.weights, self.frozen, self.average, optimiser, gradients, max(0, peak - held))

    def checkpoint(self) -> int:
        """Return the bytes of tensors in a checkpoint: weights, their average, optimiser, tokenizer."""
        state = sum(int(value.nbytes) for value in self.task.state_dict().values())
        frozen = [network.state_dict().values() for network in frozen_networks(self.task)]
        return 2 * state + self.optimiser + sum(int(value.nbytes) for values in frozen for value in values)

    def gathered(self) -> int:
        """Return the bytes of the largest block (an item of a list of modules), and of all that is in no block."""
        sizes = [sum(p.nbytes for p in block.parameters()) for block in _blocks(self.task)]
        return self.weights - sum(sizes) + max(sizes, default=0)

    def generation(self, frames: int) -> Footprint:
        """Count what a trained model does for one motion of `frames` frames; see `_generate`."""
        self._optimiser.zero_grad()
        with evaluating(self.task), torch.no_grad():
            return footprint(self.tracker, partial(self._generate, torch.tensor([frames])))

    def _generate(self, lengths: Tensor) -> None:
        task, batch = self.task, self.batch(lengths)
        if isinstance(task, ARTask):
            text, tokenizer = task.text_features(batch.captions), task.tokenizer
            options = asdict(task.sampling)
            result = generate(
                task.transformer, tokenizer.pyramid, text, lengths, generators=seeded_generators([0]), **options
            )
            tokenizer.decode(result.latent, lengths)
        elif isinstance(task, TokenizerTask):
            task.reconstruct_features(batch)
        elif isinstance(task, EvaluatorTask):
            task.embed(batch)


def _blocks(module: nn.Module) -> Iterator[nn.Module]:
    """Yield the outermost items of lists of modules."""
    for child in module.children():
        if isinstance(module, nn.ModuleList) and not isinstance(child, nn.ModuleList):
            yield child
        else:
            yield from _blocks(child)
