"""Files in the layout of the reference's release become a model folder that generates the reference's bits."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import save_file

from helpers.ar import reference_prompts
from helpers.reference import FOLDER, Fixture, load, names, sibling
from helpers.text import write_t5
from scalemogen import TextToMotion
from scalemogen.checkpoints import Bundle, load_model
from scalemogen.cli.main import main
from scalemogen.motion import get_layout
from scalemogen.sampling import generate
from scalemogen.skeletons import get_skeleton

every_fixture = pytest.mark.parametrize("name", names("ar"))


def release(fixture: Fixture, folder: Path, nested: bool) -> list[str]:
    """Write checkpoints, settings and statistics as the release has them; return the command's arguments."""
    config = fixture.config
    tokenizer, predictor = sibling(fixture, "vq").state, fixture.state
    if nested:
        torch.save({"vq_model": tokenizer, "ep": 7}, folder / "vq.tar")
        torch.save({"trainer": {"gpt_wo_ddp": predictor}, "step": 3}, folder / "ar.pth")
    else:
        torch.save(tokenizer, folder / "vq.tar")
        save_file({f"sd.{key}": value for key, value in predictor.items()}, folder / "ar.safetensors")
    data = {"name": config["dataset"], "max_motion_length": config["max_motion_length"], "fps": config["fps"]}
    quantizer = {"ctf_mapping_id": config["ctf_mapping_id"], "temp_scales": config["temp_scales"]}
    (folder / "train_vq.yaml").write_text(yaml.safe_dump({"data": data, "quantizer": quantizer}))
    more = {"data": data, "predictor": {"model": "scalemogen_layer12", "cos": 1}, "eval": {"cfg": 5, "tau": 1.25}}
    (folder / "eval.yaml").write_text(yaml.safe_dump(more))
    write_statistics(config["dataset"], folder)
    write_t5(folder / "t5", width=config["predictor"]["text_channels"])
    arguments = {
        "--tokenizer": ["vq.tar"],
        "--predictor": ["ar.pth" if nested else "ar.safetensors"],
        "--config": ["train_vq.yaml", "eval.yaml"],
        "--mean": ["Mean.npy"],
        "--std": ["Std.npy"],
        "--t5": ["t5"],
        "--out": ["model"],
    }
    return [word for key, values in arguments.items() for word in (key, *(str(folder / value) for value in values))]


def write_statistics(data: str, folder: Path) -> None:
    skeleton = get_skeleton(data)
    layout = get_layout({"humanml3d": "humanml3d-published"}.get(data, data))
    mean, std = np.zeros(layout.width(skeleton)), np.full(layout.width(skeleton), 0.01)
    mean[list(layout.groups(skeleton)["height"])] = 0.9 if data == "humanml3d" else 60.0
    np.save(folder / "Mean.npy", mean)
    np.save(folder / "Std.npy", std)


def assert_same_bits(bundle: Bundle, fixture: Fixture, entry: dict[str, Any]) -> None:
    assert bundle.ar is not None
    row, tag = entry["prompt_index"], entry["tag"]
    scales = len(fixture.spec.scales)
    text = reference_prompts(fixture)[row : row + 1]
    recorded = f"{tag}.scale00.u" in fixture.tensors
    made = generate(
        bundle.ar,
        bundle.tokenizer.pyramid,
        type(text)(*(part[:, : int(fixture["in.text_lens"][row])] for part in (text.tokens, text.mask))),
        torch.tensor([entry["m_len"]]),
        generators=None,
        guidance=[value * k / (scales - 1) for k, value in enumerate(entry["cfg"])]
        if isinstance(entry["cfg"], list)
        else entry["cfg"],
        temperature=entry["tau"],
        uniforms=[fixture.scale(k, "u", f"{tag}.")[None] for k in range(scales)] if recorded else None,
    )
    for k, bits in enumerate(made.maps.bits):
        assert torch.equal(bits[0], fixture.scale(k, "bits", f"{tag}.").bool()), f"{tag}, scale {k}"


@every_fixture
@pytest.mark.parametrize("nested", [True, False])
def test_the_folder_generates_the_references_bits(name: str, nested: bool, tmp_path: Path) -> None:
    fixture = load(name)
    assert main(["import-reference", *release(fixture, tmp_path, nested)]) == 0
    bundle = load_model(tmp_path / "model")
    assert {**bundle.spec.to_dict(), "layout": ""} == {**fixture.spec.to_dict(), "layout": ""}
    for entry in fixture.description["generations"]:
        assert_same_bits(bundle, fixture, entry)
    model = TextToMotion(bundle)
    motions = model.generate(["a person walks", "someone waves"], frames=[40, 64])
    assert [motion.frames for motion in motions] == [40, 64]
    assert bundle.sampling == {"guidance": 5.0, "temperature": 1.25}


@every_fixture
def test_a_fixture_is_read_as_it_lies_there(name: str, tmp_path: Path) -> None:
    """The tensors under "sd." and the description beside them are weights and settings."""
    fixture = load(name)
    write_statistics(fixture.config["dataset"], tmp_path)
    write_t5(tmp_path / "t5", width=fixture.config["predictor"]["text_channels"])
    vq = sibling(fixture, "vq").name
    arguments = {"--tokenizer": f"{vq}.safetensors", "--predictor": f"{name}.safetensors", "--config": f"{name}.json"}
    words = [word for key, file in arguments.items() for word in (key, str(FOLDER / file))]
    words += ["--mean", str(tmp_path / "Mean.npy"), "--std", str(tmp_path / "Std.npy")]
    assert main(["import-reference", *words, "--t5", str(tmp_path / "t5"), "--out", str(tmp_path / "model")]) == 0
    assert_same_bits(load_model(tmp_path / "model"), fixture, fixture.description["generations"][0])


class Trap:
    """What unpickling would execute."""

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (Path("trapped"),)


def broken(fixture: Fixture, folder: Path, fault: str) -> None:
    """Spoil one file of a release."""
    tokenizer, predictor = sibling(fixture, "vq").state, fixture.state
    shape = {"motion_enc.layers.3.0.weight": tokenizer["motion_enc.layers.3.0.weight"][:, 1:].contiguous()}
    links = {"conv_enc.layers.0.0.layers.2.adj_matrix": tokenizer["conv_enc.layers.0.0.layers.2.adj_matrix"] * 0}
    match fault:
        case "unknown":
            torch.save({"model": {**tokenizer, "odd.weight": torch.zeros(1)}}, folder / "vq.tar")
        case "missing":
            torch.save({k: v for k, v in tokenizer.items() if "motion_dec.layers.2.2.bias" not in k}, folder / "vq.tar")
        case "shape":
            torch.save({"model": {**tokenizer, **shape}}, folder / "vq.tar")
        case "links":
            torch.save({"model": {**tokenizer, **links}}, folder / "vq.tar")
        case "predictor":
            torch.save({**predictor, "head.bias": torch.zeros(3)}, folder / "ar.pth")
        case "swapped":
            torch.save(tokenizer, folder / "ar.pth")
        case "pickle":
            torch.save({"model": Trap()}, folder / "vq.tar")
        case "scales":
            (folder / "train_vq.yaml").write_text("data: {name: humanml3d, max_motion_length: 196}")
        case "settings":
            (folder / "eval.yaml").write_text(json.dumps({"predictor": {"swi": True}}))
        case "statistics":
            np.save(folder / "Mean.npy", np.zeros(7))


FAULTS = {
    "unknown": r"vq\.tar: 'odd\.weight' is not a weight",
    "missing": r"vq\.tar: weight 'motion_dec\.layers\.2\.2\.bias' .* is missing",
    "shape": r"vq\.tar: .*motion_enc\.layers\.3\.0\.weight is \(32, 11\); joint 3 needs \(32, 12\)",
    "links": r"vq\.tar: 'conv_enc\..*adj_matrix' links joints otherwise",
    "predictor": r"ar\.pth: head\.bias is \(3,\); this model has \(16,\)",
    "swapped": r"ar\.pth has no transformer blocks",
    "pickle": r"vq\.tar is damaged, or holds other objects than tensors",
    "scales": r"no quantizer\.ctf_mapping_id",
    "settings": r"predictor\.swi is True; only False",
    "statistics": r"Mean\.npy has shape \(7,\); features of humanml3d have \(263,\)",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_does_not_fit_is_named(
    fault: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    name = next((found for found in names("ar") if isinstance(found, str) and "hml" in found), None)
    if name is None:
        pytest.skip("no fixture of HumanML3D")
    fixture = load(name)
    arguments = release(fixture, tmp_path, nested=True)
    broken(fixture, tmp_path, fault)
    capsys.readouterr()
    assert main(["import-reference", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1
    assert re.search(FAULTS[fault], captured.err), captured.err
    assert not (tmp_path / "model").exists()
    assert not (tmp_path / "trapped").exists()
