"""More kinds: files of YAML and of sentences, recipes, and requests to the server."""

from __future__ import annotations

import contextlib
import io
import json
import warnings
from functools import cached_property
from importlib import resources
from pathlib import Path
from random import Random
from typing import Any

import yaml
from fastapi.testclient import TestClient

from helpers.fuzzing.kinds import Kind
from helpers.fuzzing.mutations import damage_bytes, damage_json, damage_text, to_json
from helpers.models import make_model
from scalemogen.cli import generate
from scalemogen.cli.main import main
from scalemogen.errors import UserError
from scalemogen.interop.reference_config import read_reference_config
from scalemogen.pipeline import TextToMotion
from scalemogen.serving import Limits, create_app
from scalemogen.skeletons import get_skeleton
from scalemogen.skeletons.maps import get_joint_map
from scalemogen.sweeps import read_sweep

EXPERIMENTS = Path(__file__).parents[3] / "experiments"
REFERENCE = {
    "data": {"name": "humanml3d", "max_motion_length": 64},
    "vq_name": "v",
    "quantizer": {"ctf_mapping_id": 0, "temp_scales": [8, 4, 2, 1]},
    "predictor": {},
    "eval": {"cfg": 4.0, "tau": 1.0},
}


class YAMLFile(Kind):
    """A skeleton, a joint map, a sweep or the settings of the reference implementation."""

    @cached_property
    def samples(self) -> list[bytes]:
        shipped = resources.files("scalemogen.skeletons")
        return [
            (shipped / "data" / "humanml3d.yaml").read_bytes(),
            (shipped / "maps" / "mixamo.yaml").read_bytes(),
            (EXPERIMENTS / "sweeps" / "bits.yaml").read_bytes(),
            yaml.safe_dump(REFERENCE).encode(),
        ]

    def make(self, dice: Random) -> None:
        self.chosen = dice.randrange(4)
        sample = self.samples[self.chosen]
        if dice.random() < 0.4:
            content = damage_json(yaml.safe_load(sample), dice)
            with contextlib.suppress(RecursionError):
                sample = yaml.safe_dump(content, allow_unicode=False).encode("utf-8", "surrogatepass")
        else:
            sample = damage_text(sample, dice)
        (self.folder / "a.yaml").write_bytes(sample)

    def read(self) -> object:
        path = self.folder / "a.yaml"
        match self.chosen:
            case 0:
                return get_skeleton(path)
            case 1:
                return get_joint_map(path)
            case 2:
                return read_sweep(path)
            case _:
                return read_reference_config([path], ["humanml3d", "snapmogen"])


class Recipe(Kind):
    """A recipe, as far as the command line reads it."""

    def make(self, dice: Random) -> None:
        sample = (EXPERIMENTS / "tokenizer" / "synthetic.yaml").read_bytes()
        if dice.random() < 0.5:
            sample = yaml.safe_dump(damage_json(yaml.safe_load(sample), dice)).encode("utf-8", "surrogatepass")
        else:
            sample = damage_text(sample, dice)
        (self.folder / "a.yaml").write_bytes(sample)

    def read(self) -> object:
        said, shown = io.StringIO(), io.StringIO()
        arguments = ["tokenizer", "fit", "--config", str(self.folder / "a.yaml"), "--print_config"]
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(shown), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                status = main(arguments)
            except SystemExit as end:
                status = int(end.code or 0)
        if status not in (0, 2):
            raise AssertionError(f"exit status {status}: {said.getvalue()[-500:]}")
        if status == 2:
            raise UserError(said.getvalue().strip().splitlines()[-1])
        return shown


class Sentences(Kind):
    def make(self, dice: Random) -> None:
        good = "# walks\na person walks left\n\na person waves\u2026\n".encode()
        (self.folder / "a.txt").write_bytes(dice.choice((damage_bytes, damage_text))(good, dice))

    def read(self) -> object:
        return generate.read_sentences(self.folder / "a.txt")


class Requests(Kind):
    """Bodies of requests to a server with a tiny model and a short queue."""

    @cached_property
    def client(self) -> TestClient:
        model = TextToMotion.from_pretrained(make_model(self.folder / "model", max_frames=16))
        app = create_app(model, Limits(rate=10**9, queue=2, keep=16))
        client = TestClient(app, base_url="http://localhost", raise_server_exceptions=False)
        client.__enter__()
        return client

    @cached_property
    def good(self) -> list[tuple[str, dict[str, Any]]]:
        walk, wave = {"text": "a person walks", "seconds": 0.5, "seed": 3}, {"text": "a person waves", "guidance": 2.0}
        made = self.client.post("/api/motions", json=walk).json()["id"]
        return [
            ("/api/motions", walk),
            ("/api/sequences", {"sentences": [walk, walk]}),
            (f"/api/motions/{made}/edits", {**wave, "parts": ["left_arm"], "frames": [0, 4]}),
            (f"/api/motions/{made}/inbetweens", {**wave, "keep": [[0, 4]]}),
            (f"/api/motions/{made}/prolongations", {**wave, "to": made}),
            (f"/api/motions/{made}/variations", {**wave, "keep_scales": 1}),
        ]

    def make(self, dice: Random) -> None:
        self.path, body = dice.choice(self.good)
        self.body = to_json(damage_json(body, dice)) if dice.random() < 0.6 else damage_text(to_json(body), dice)

    def read(self) -> object:
        answer = self.client.post(self.path, content=self.body, headers={"Content-Type": "application/json"})
        if answer.status_code >= 500 and answer.status_code != 503:
            raise AssertionError(f"{self.path} {self.body[:200]!r}: {answer.status_code} {answer.text[:300]}")
        if answer.status_code >= 400:
            raise UserError(json.loads(answer.text)["error"].replace("\n", " "))
        return answer
