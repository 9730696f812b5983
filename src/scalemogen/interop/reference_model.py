"""Released files of the reference implementation (public repository `woo0818/ScaleMoGen`) to a model folder."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from scalemogen.ar import NextScaleTransformer
from scalemogen.checkpoints import save_folder
from scalemogen.contracts import DataFacts, TokenSpec
from scalemogen.data_modules.published.form import Form
from scalemogen.data_modules.published.humanml3d import HUMANML3D
from scalemogen.data_modules.published.snapmogen import SNAPMOGEN
from scalemogen.errors import UserError
from scalemogen.evaluators.published import read_statistics
from scalemogen.files import digest_bytes
from scalemogen.interop.reference_config import FRAMES_PER_CELL, PARTS, ReferenceConfig, read_reference_config
from scalemogen.interop.reference_predictor import predictor_state
from scalemogen.interop.reference_tokenizer import tokenizer_state
from scalemogen.skeletons import get_skeleton
from scalemogen.text import T5TextEncoder
from scalemogen.tokenizer import MotionTokenizer
from scalemogen.weights import load_strictly, read_state, under

FORMS: Mapping[str, Form] = {form.name: form for form in (HUMANML3D, SNAPMOGEN)}
"""Data sets that the reference was trained on."""

TOKENIZER_PLACES = (("model",), ("vq_model",))
PREDICTOR_PLACES = (("trainer", "gpt_wo_ddp"), ("gpt_wo_ddp",), ("model",))
"""Where in a checkpoint the weights are; a file may also hold nothing else."""

FIXTURE_PREFIX = "sd."
_POOL = re.compile(r"conv_enc\.layers\.0\.(\d+)\.skeleton_pool_vec")
_BLOCK = re.compile(r"(?:blocks\.\d+|block_chunks\.\d+\.module\.\d+)(?=\.sa\.mat_qkv\.weight$)")


@dataclass(frozen=True)
class ReferenceFiles:
    """What a user must have.

    Attributes:
        tokenizer: checkpoint of the tokenizer.
        predictor: checkpoint of the predictor.
        config: the settings that lie beside them; see `read_reference_config`.
        mean: of the features that both were trained on (HumanML3D: Mean.npy).
        std: likewise.
    """

    tokenizer: Path
    predictor: Path
    config: Sequence[Path]
    mean: Path
    std: Path


def import_reference(files: ReferenceFiles, t5: str, folder: Path) -> None:
    """Write the model folder of a released model, which then computes as the reference does.

    Args:
        files: of the release and of its data.
        t5: folder or hub name of the text encoder whose features the predictor was trained on; see `T5TextEncoder`.
        folder: to write, whole or not at all.

    Raises:
        UserError: a file that is missing, damaged or holds other objects than tensors; a key or shape that is not the
            reference's, named; a text encoder of another width; statistics of another data set.
    """
    config = read_reference_config(files.config, tuple(FORMS))
    reference = read_reference_weights(files.tokenizer, TOKENIZER_PLACES)
    form = FORMS[config.data]
    skeleton = get_skeleton(form.skeleton)
    spec = _spec(config, reference, files.tokenizer)
    arguments = _tokenizer_arguments(reference, files.tokenizer)
    tokenizer = MotionTokenizer(spec, skeleton, **arguments)
    load_strictly(tokenizer, _named(files.tokenizer, tokenizer_state, reference, tokenizer), files.tokenizer)
    predictor = read_reference_weights(files.predictor, PREDICTOR_PLACES)
    sizes = _predictor_arguments(predictor, spec, files.predictor)
    text = T5TextEncoder(t5, max_tokens=sizes["text_max_tokens"])
    if text.width != sizes["text_width"]:
        raise UserError(
            f"{files.predictor} takes text features of width {sizes['text_width']}; {t5} gives {text.width}"
        )
    ar = NextScaleTransformer(spec, **sizes)
    load_strictly(ar, _named(files.predictor, predictor_state, predictor, len(spec.scales)), files.predictor)
    normaliser = read_statistics(files.mean, files.std, form.skeleton, form.layout)
    facts = DataFacts(
        name=form.origin.name,
        skeleton=skeleton,
        layout=form.layout,
        fps=form.fps,
        mean=normaliser.mean,
        std=normaliser.std,
        licence=form.origin.licence,
        citation=form.origin.citation,
        digests={},
    )
    sampling = {"guidance": config.guidance, "temperature": config.temperature}
    save_folder(
        folder,
        facts=facts,
        spec=spec,
        tokenizer_arguments=arguments,
        tokenizer_state=tokenizer.state_dict(),
        ar_arguments=sizes,
        ar_state=ar.state_dict(),
        text=text,
        sampling={name: value for name, value in sampling.items() if value is not None},
        provenance=_provenance(files),
    )


def read_reference_weights(path: Path, places: Sequence[tuple[str, ...]]) -> dict[str, Tensor]:
    """Read the weights in a checkpoint of `torch.save`, without executing what is pickled, or in a safetensors file.

    Args:
        path: the file; a safetensors file of a reference fixture holds them under "sd.".
        places: keys under which a checkpoint may hold them.

    Raises:
        UserError: missing or damaged, other objects than tensors in it, or no weights.
    """
    if path.suffix == ".safetensors":
        state = read_state(path)
        return under(FIXTURE_PREFIX, state) or state
    try:
        held: Any = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from error
    except Exception as error:  # torch.load raises half a dozen kinds at files that are not its own
        raise UserError(
            f"{path} is damaged, or holds other objects than tensors and is not read; if you trust it, save its weights"
            " alone as a .safetensors file"
        ) from error
    for found in (*_candidates(held, places), held):
        if isinstance(found, Mapping) and found and all(isinstance(value, Tensor) for value in found.values()):
            return {str(name): value.float() if value.is_floating_point() else value for name, value in found.items()}
    keys = ", ".join(sorted(map(str, held))) if isinstance(held, Mapping) else type(held).__name__
    raise UserError(f"{path} holds no weights under {' or '.join('.'.join(place) for place in places)}; it has {keys}")


def _candidates(held: Any, places: Sequence[tuple[str, ...]]) -> Iterator[Any]:
    for place in places:
        found = held
        for key in place:
            found = found.get(key) if isinstance(found, Mapping) else None
        if found is not None:
            yield found


def _named(path: Path, convert: Any, *arguments: Any) -> dict[str, Tensor]:
    """Return converted weights; what is wrong with them is said of the file."""
    try:
        state: dict[str, Tensor] = convert(*arguments)
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    return state


def _weight(state: Mapping[str, Tensor], name: str, path: Path) -> Tensor:
    if name not in state:
        raise UserError(f"{path} lacks {name!r}; it is not a checkpoint of the reference's network of this kind")
    return state[name]


def _spec(config: ReferenceConfig, state: Mapping[str, Tensor], path: Path) -> TokenSpec:
    form = FORMS[config.data]
    skeleton = get_skeleton(form.skeleton)
    return TokenSpec(
        bits=len(_weight(state, "quantizer2d.project_in.weight", path)),
        scales=config.scales,
        cells=config.max_frames // FRAMES_PER_CELL,
        parts=PARTS,
        frames_per_cell=FRAMES_PER_CELL,
        skeleton=skeleton.name,
        skeleton_digest=skeleton.digest,
        layout=form.layout,
    )


def _tokenizer_arguments(state: Mapping[str, Tensor], path: Path) -> dict[str, Any]:
    blocks = [int(match[1]) for name in state if (match := _POOL.fullmatch(name))]
    if len(blocks) != 1:
        raise UserError(f"{path} has no conv_enc.layers.0.*.skeleton_pool_vec; it is not a tokenizer of the reference")
    return {
        "width": _weight(state, "quantizer2d.project_in.weight", path).shape[-1],
        "blocks": blocks[0],
        "dropout": 0.1,
        "reference": True,
    }


def _predictor_arguments(state: Mapping[str, Tensor], spec: TokenSpec, path: Path) -> dict[str, Any]:
    blocks = sorted({match[0] for name in state if (match := _BLOCK.match(name))})
    if not blocks:
        raise UserError(f"{path} has no transformer blocks; it is not a predictor of the reference")
    embed, null = _weight(state, "word_embed.weight", path), _weight(state, "cfg_uncond", path)
    if embed.shape[-1] != spec.bits:
        raise UserError(f"{path} predicts tokens of {embed.shape[-1]} bits, the tokenizer has {spec.bits}")
    width = len(embed)
    return {
        "text_width": null.shape[-1],
        "width": width,
        "depth": len(blocks),
        "heads": _weight(state, f"{blocks[0]}.sa.scale_mul_1H11", path).numel(),
        "mlp_ratio": len(_weight(state, f"{blocks[0]}.ffn.fc1.weight", path)) / width,
        "text_pool_heads": _weight(state, "text_proj_for_sos.ca.mat_q", path).shape[-2],
        "text_max_tokens": null.shape[-2],
        "single_start": True,
        "places": False,
    }


def _provenance(files: ReferenceFiles) -> dict[str, Any]:
    paths = {"tokenizer": files.tokenizer, "predictor": files.predictor, "mean": files.mean, "std": files.std}
    found = {name: {"file": path.name, "digest": digest_bytes(path.read_bytes())} for name, path in paths.items()}
    return {"source": "reference implementation, github.com/woo0818/ScaleMoGen", "files": found}
