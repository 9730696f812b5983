"""MotionCodec: a model folder's tokenizer, from motions to motions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import torch
from torch import Tensor

from scalemogen.checkpoints import Bundle, description_digest, load_model
from scalemogen.contracts import DataFacts, TokenSpec
from scalemogen.editing import make_take
from scalemogen.motion import Motion, Normaliser, get_layout
from scalemogen.motion.rigid import make_all_rigid
from scalemogen.pipeline.devices import choose_device


class MotionCodec:
    """Passes motions through the tokenizer: to features, to bits and back.

    Args:
        bundle: what `load_model` returned.
        device: where to compute.

    Attributes:
        facts: skeleton, frame rate and statistics of the training data.
        spec: token grid.
        device: where the networks are.
    """

    def __init__(self, bundle: Bundle, device: str | torch.device = "cpu") -> None:
        self.device = torch.device(device)
        self.facts: DataFacts = bundle.facts
        self.spec: TokenSpec = bundle.spec
        self._bundle = bundle
        self._layout = get_layout(bundle.facts.layout)
        self._normaliser = Normaliser(bundle.facts.mean, bundle.facts.std)
        for module in (bundle.tokenizer, bundle.ar, bundle.text):
            if module is not None:
                module.to(self.device).eval()

    @classmethod
    def from_pretrained(cls, path: str | Path, device: str | torch.device = "cpu") -> Self:
        """Load a model folder, or a checkpoint of training.

        Args:
            path: of the folder or file.
            device: where to compute; "auto" takes the accelerator where there is one.

        Raises:
            UserError: no such folder or file, no model in it, or a damaged one; a device that is not there.
        """
        chosen = choose_device(device)
        return cls(load_model(path), chosen)

    def __repr__(self) -> str:
        """One line: what was trained, on which data, how large it is, and the digest of its description."""
        networks = {"tokenizer": self._bundle.tokenizer, "transformer": self._bundle.ar, "text": self._bundle.text}
        sizes = ", ".join(
            f"{name} {sum(weight.numel() for weight in network.parameters()):,}"
            for name, network in networks.items()
            if network is not None
        )
        facts, digest = self.facts, description_digest(self._bundle.description)
        return (
            f"<{type(self).__name__} of data {facts.name} ({facts.skeleton.name}, {facts.fps:g} fps, up to"
            f" {self.max_frames} frames), parameters: {sizes}; digest {digest}>"
        )

    @property
    def max_frames(self) -> int:
        """Frames of the longest motion that can be generated."""
        return self.spec.max_frames

    def prepare(self, motion: Motion) -> Motion:
        """Return a motion as the model sees it: at its frame rate, starting over the origin.

        A person with bones of their own gets the skeleton's, and the lowest joint is put on the floor, as in the
        training data. `reconstruct` is to be compared with this.

        Raises:
            UserError: another skeleton.
        """
        return self._layout.to_motion(self._features(motion), self.facts.skeleton, self.facts.fps)

    def reconstruct(self, motion: Motion) -> Motion:
        """Pass a motion of any length through the tokenizer: to bits and back.

        A motion longer than the model's longest is cut into equal windows; since features hold velocities, the
        decoded windows join without a jump of the path.

        Raises:
            UserError: another skeleton.
        """
        return self.to_motion(self.reconstruct_features(self._features(motion)))

    def to_motion(self, features: Tensor) -> Motion:
        """Return the motion of features (T, F) that a network made, in their own units; see `make_rigid`."""
        return self.to_motions([features])[0]

    def to_motions(self, features: Sequence[Tensor]) -> list[Motion]:
        """Return the motions of several features (T, F) of any lengths, made rigid together; see `to_motion`."""
        facts = self.facts
        return make_all_rigid([self._layout.to_motion(rows, facts.skeleton, facts.fps) for rows in features])

    @torch.no_grad()
    def reconstruct_features(self, features: Tensor) -> Tensor:
        """Pass features (T, F), in their own units, through the tokenizer; returns (T, F)."""
        tokenizer = self._bundle.tokenizer
        count = math.ceil(len(features) / self.max_frames)
        decoded = []
        for window in self._normaliser.normalise(features).tensor_split(count):
            length = torch.tensor([len(window)], device=self.device)
            decoded.append(tokenizer(window[None].to(self.device), length).reconstruction[0].cpu())
        return self._normaliser.denormalise(torch.cat(decoded))

    def _features(self, motion: Motion) -> Tensor:
        """Return features (T, F) of all T frames at the model's rate; see `make_take`."""
        return make_take(motion, self.facts).features
