"""Readers of foreign checkpoints."""

from scalemogen.interop.reference_model import ReferenceFiles, import_reference
from scalemogen.interop.reference_predictor import predictor_keys, predictor_state
from scalemogen.interop.reference_tokenizer import tokenizer_state

__all__ = ["ReferenceFiles", "import_reference", "predictor_keys", "predictor_state", "tokenizer_state"]
