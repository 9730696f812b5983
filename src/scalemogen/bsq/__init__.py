"""Binary spherical quantisation: bits, codes, straight-through estimator, entropy terms."""

from scalemogen.bsq.codes import bits_to_codes, bits_to_indices, indices_to_bits, normalise, quantise
from scalemogen.bsq.entropy import binary_entropy, entropy_terms, soft_bits

__all__ = [
    "binary_entropy",
    "bits_to_codes",
    "bits_to_indices",
    "entropy_terms",
    "indices_to_bits",
    "normalise",
    "quantise",
    "soft_bits",
]
