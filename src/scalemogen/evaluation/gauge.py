"""What is measured of a batch of motions, given as features in units.

Axis letters: B batch, T frames, F features per frame, J joints.
"""

from __future__ import annotations

from torch import Tensor

from scalemogen.contracts import DataFacts
from scalemogen.evaluation.samples import Samples
from scalemogen.evaluators import Evaluator
from scalemogen.metrics import plausibility_figures, reconstruction_figures
from scalemogen.metrics.functional import trajectory_descriptor
from scalemogen.motion import get_layout
from scalemogen.skeletons.limbs import find_limbs


class Gauge:
    """Measures motions of one kind of data with one evaluator.

    Joints are those of the features, as the field takes them, not those of the rigid body that a user sees: errors of
    the network stay visible.

    Args:
        evaluator: on the device of the features.
        facts: of the data.
    """

    def __init__(self, evaluator: Evaluator, facts: DataFacts) -> None:
        self.evaluator = evaluator
        self._skeleton, self._fps = facts.skeleton, facts.fps
        self._layout = get_layout(facts.layout)

    def embed(self, features: Tensor, lengths: Tensor) -> Samples:
        """Return "matching" (B, E) and "distribution" (B, E')."""
        made = self.evaluator.embed_motions(features, lengths)
        return {"matching": made.matching, "distribution": made.distribution}

    def describe(self, features: Tensor, lengths: Tensor) -> Samples:
        """Return the trajectory descriptor, for nearest neighbours, on the CPU."""
        positions = self._layout.positions(features.cpu())
        return trajectory_descriptor(positions, lengths.cpu(), fps=self._fps, facing=self._skeleton.facing)

    def plausibility(self, features: Tensor, lengths: Tensor) -> Samples:
        """Return what can be said of a motion without another one: (B,) each, NaN where a motion has none.

        A skeleton without feet or without limbs has no such figures.
        """
        skeleton = self._skeleton
        if not (skeleton.contacts and find_limbs(skeleton)):
            return {}
        joints, rotations = self._layout.decode(features, skeleton)
        return plausibility_figures(joints, rotations, lengths, skeleton=skeleton, fps=self._fps)

    def errors(self, features: Tensor, target: Tensor, lengths: Tensor) -> Samples:
        """Return the errors of reconstructions: (B,) each, NaN where a motion is too short for one."""
        mine, truth = (self._layout.decode(x, self._skeleton) for x in (features, target))
        return reconstruction_figures(mine, truth, lengths)
