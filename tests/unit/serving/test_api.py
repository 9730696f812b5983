from __future__ import annotations

import io
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

from helpers.serving import PATIENCE, WALK, Serve, make, settled
from scalemogen.motion import read_bvh
from scalemogen.pipeline import TextToMotion
from scalemogen.serving import create_app, is_loopback
from scalemogen.serving.guard import HEADERS
from scalemogen.serving.writing import formats


def positions(client: TestClient, name: str) -> Any:
    content = client.get(f"/api/motions/{name}/files/npz").content
    return np.load(io.BytesIO(content), allow_pickle=False)["positions"]


def test_a_motion_is_that_of_the_python_interface(serve: Serve, model: TextToMotion) -> None:
    client = serve()
    made = make(client, {**WALK, "guidance": 1.5, "temperature": 0.7})
    own = model.generate("a person walks", seconds=1.2, seed=3, guidance=1.5, temperature=0.7)
    assert (made["state"], made["frames"], made["seconds"], made["seed"]) == ("done", 24, 1.2, 3)
    np.testing.assert_allclose(positions(client, made["id"]), own.positions, atol=1e-5)


def test_words_that_the_model_cannot_know_are_named(serve: Serve) -> None:
    client = serve()
    assert make(client, WALK)["warning"] is None
    asked = {**WALK, "text": "a person xyzzy"}
    assert make(client, asked)["warning"] == "the model was not trained on these words: xyzzy"


def test_visitors_at_once_get_what_they_would_get_alone(serve: Serve, model: TextToMotion) -> None:
    """Whatever is computed together with a sentence, its seed gives its motion."""
    client = serve(batch=4)
    verbs = ("walks", "waves", "jumps", "turns", "walks left", "waves right", "jumps left")
    wanted = [{"text": f"a person {verb}", "seconds": 0.4 + 0.2 * at, "seed": at} for at, verb in enumerate(verbs)]
    with ThreadPoolExecutor(len(wanted)) as visitors:
        made = list(visitors.map(lambda one: make(client, one), wanted))
    assert len({status["id"] for status in made}) == len(wanted)
    for one, status in zip(wanted, made, strict=True):
        alone = model.generate(one["text"], seconds=one["seconds"], seed=one["seed"])
        assert status["text"] == one["text"]
        np.testing.assert_allclose(positions(client, status["id"]), alone.positions, atol=1e-4)


def test_an_edit_moves_only_what_may_change(serve: Serve) -> None:
    client = serve()
    walk = make(client, WALK)
    body = {"text": "a person waves", "parts": ["left arm"], "frames": [4, 20], "strength": "full"}
    answer = client.post(f"/api/motions/{walk['id']}/edits", json=body)
    assert answer.status_code == 202, answer.text
    edited = settled(client, answer.json()["id"])
    assert (edited["state"], edited["source"], edited["frames"]) == ("done", walk["id"], 24)
    moved = edited["report"]["moved_cm"]
    assert moved["left arm"]["most"] > 0.1
    assert moved["right leg"]["most"] < 0.05
    assert client.get(f"/api/motions/{walk['id']}").json() == walk  # the given motion is still there, and as it was


def ask(client: TestClient, path: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = client.post(path, json=body)
    assert answer.status_code == 202, answer.text
    return settled(client, answer.json()["id"])


def test_sentences_in_a_row(serve: Serve, model: TextToMotion) -> None:
    """Longer than the model's longest motion; the same as from Python, alone or beside others."""
    client = serve()
    lines = [{"text": "a person walks", "seconds": 1.2}, {"text": "a person waves", "seconds": 1.6}]
    made = ask(client, "/api/sequences", {"sentences": lines, "seed": 4, "guidance": 1.5, "temperature": 0.7})
    own = model.stitch(["a person walks", "a person waves"], [1.2, 1.6], seed=4, guidance=1.5, temperature=0.7)
    assert (made["state"], made["frames"], made["text"]) == ("done", 56, "a person walks / a person waves")
    np.testing.assert_allclose(positions(client, made["id"]), own.positions, atol=1e-5)


def test_an_inbetween_keeps_what_it_is_told_to(serve: Serve, model: TextToMotion) -> None:
    client = serve()
    walk = make(client, WALK)
    made = ask(client, f"/api/motions/{walk['id']}/inbetweens", {"text": "a person jumps", "keep": [[0, 8], [16, 24]]})
    assert (made["state"], made["source"], made["frames"], made["report"]) == ("done", walk["id"], 24, None)
    moved = np.linalg.norm(positions(client, made["id"]) - positions(client, walk["id"]), axis=-1).max(1)
    assert moved[:8].max() < 1e-3
    assert moved[16:].max() < 1e-3
    assert moved[8:16].max() > 0.02


def test_a_motion_goes_on_by_itself_or_to_another(serve: Serve, model: TextToMotion) -> None:
    client = serve()
    walk, jump = make(client, WALK)["id"], make(client, {**WALK, "text": "a person jumps", "seconds": 0.8})["id"]
    body = {"text": "a person waves", "seconds": 1.0, "seed": 2, "guidance": 1.5, "temperature": 0.7}
    first, second = (
        model.generate(text, seconds=s, seed=3) for text, s in (("a person walks", 1.2), ("a person jumps", 0.8))
    )
    longer = ask(client, f"/api/motions/{walk}/prolongations", body)
    both = ask(client, f"/api/motions/{walk}/prolongations", {**body, "to": jump})
    assert [(made["source"], made["frames"], made["whole"]) for made in (longer, both)] == [
        (walk, 44, False),
        (walk, 60, False),
    ]
    own = model.prolong(first, "a person waves", 1.0, seed=2, guidance=1.5, temperature=0.7)
    np.testing.assert_allclose(positions(client, longer["id"]), own.positions, atol=1e-4)
    own = model.bridge(first, second, "a person waves", 1.0, seed=2, guidance=1.5, temperature=0.7)
    np.testing.assert_allclose(positions(client, both["id"]), own.positions, atol=1e-4)


def test_variations_are_computed_together(serve: Serve, model: TextToMotion, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of different motions, sentences and seeds; each is what it would be alone. Others are kept apart."""
    client, batches = serve(), []
    walk, jump = make(client, WALK)["id"], make(client, {**WALK, "text": "a person jumps", "seconds": 0.8})["id"]
    original, started = TextToMotion.vary_each, threading.Event()

    def watched(self: TextToMotion, motions: Any, *arguments: Any, **options: Any) -> Any:
        batches.append(len(motions))
        assert started.wait(PATIENCE)
        return original(self, motions, *arguments, **options)

    monkeypatch.setattr(TextToMotion, "vary_each", watched)
    wanted = [(walk, "walks", 9, 3), (walk, "walks", 1, 1), (jump, "jumps", 2, 1), (walk, "walks", 3, 0)]
    asked = []
    for name, verb, seed, kept in wanted:
        body = {"text": f"a person {verb}", "seed": seed, "keep_scales": kept}
        asked.append(client.post(f"/api/motions/{name}/variations", json=body).json()["id"])
        while not batches:  # so that the others wait behind the first one
            time.sleep(0.001)
    started.set()
    for (source, verb, seed, kept), name in zip(wanted, asked, strict=True):
        made = settled(client, name)
        assert (made["state"], made["source"], made["whole"]) == ("done", source, True)
        given = model.generate(f"a person {verb}", seconds=1.2 if source == walk else 0.8, seed=3)
        (own,) = model.vary(given, f"a person {verb}", 1, seed=seed, keep_scales=kept)
        np.testing.assert_allclose(positions(client, name), own.positions, atol=1e-4)
    assert batches[:3] == [1, 2, 1]


def test_cleaning_can_be_switched_off(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """In every request for a motion; without a word it is on."""
    client, seen = serve(), []

    def watch(name: str) -> None:
        original = getattr(TextToMotion, name)

        def watched(*arguments: Any, **options: Any) -> Any:
            seen.append((name, options["clean"]))
            return original(*arguments, **options)

        monkeypatch.setattr(TextToMotion, name, watched)

    for name in ("generate", "stitch", "edit_with_report", "inbetween", "prolong", "bridge", "vary_each"):
        watch(name)
    text = {"text": "a person walks"}
    walk = make(client, WALK)["id"]
    requests = [
        ("generate", "/api/motions", WALK),
        ("stitch", "/api/sequences", {"sentences": [text]}),
        ("edit_with_report", f"/api/motions/{walk}/edits", text),
        ("inbetween", f"/api/motions/{walk}/inbetweens", {**text, "keep": [[0, 8]]}),
        ("prolong", f"/api/motions/{walk}/prolongations", text),
        ("bridge", f"/api/motions/{walk}/prolongations", {**text, "to": walk}),
        ("vary_each", f"/api/motions/{walk}/variations", text),
    ]
    for name, path, body in requests:
        seen.clear()
        assert [ask(client, path, {**body, **more})["state"] for more in ({}, {"clean": False})] == ["done", "done"]
        assert seen == [(name, True), (name, False)]
        answer = client.post(path, json={**body, "clean": 0})
        assert (answer.status_code, answer.json()["error"].split(":")[0]) == (422, "clean")
    cleaned, own = (make(client, {**WALK, "clean": clean})["id"] for clean in (True, False))
    assert np.abs(positions(client, cleaned) - positions(client, own)).max() > 1e-4


def test_what_speaks_of_a_part_is_no_source_text(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """An edit of a sequence, of an in-between, of what went on or of an edited range takes the source's sentence as
    unknown."""
    client, seen = serve(), []
    original = TextToMotion.edit_with_report

    def watched(self: TextToMotion, motions: Any, requests: Any, **options: Any) -> Any:
        seen.extend(request.source_text for request in requests)
        return original(self, motions, requests, **options)

    monkeypatch.setattr(TextToMotion, "edit_with_report", watched)
    walk = make(client, WALK)["id"]
    wave = {"text": "a person waves"}
    edited = ask(client, f"/api/motions/{walk}/edits", wave)["id"]
    pieces = [
        walk,
        edited,
        ask(client, f"/api/motions/{walk}/edits", {**wave, "frames": [4, 20]})["id"],
        ask(client, f"/api/motions/{walk}/variations", wave)["id"],
        ask(client, f"/api/motions/{walk}/inbetweens", {**wave, "keep": [[0, 8]]})["id"],
        ask(client, f"/api/motions/{walk}/prolongations", {**wave, "seconds": 0.4})["id"],
        ask(client, "/api/sequences", {"sentences": [wave, wave]})["id"],
    ]
    seen.clear()
    for name in pieces:
        ask(client, f"/api/motions/{name}/edits", {"text": "a person jumps"})
    assert seen == ["a person walks", "a person waves", None, "a person waves", None, None, None]
    ask(client, f"/api/motions/{pieces[-1]}/edits", {"text": "a person jumps", "source_text": "a person waves"})
    assert seen[-1] == "a person waves"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"sentences": []}, "sentences"),
        ({"sentences": [{"text": "a"}] * 17}, "16"),
        ({"sentences": [{"text": "a", "seconds": 119}, {"text": "b", "seconds": 1.5}]}, "120.5 seconds; at most 120"),
        ({"sentences": [{"text": "a"}, {"text": "b", "seconds": 0.1}]}, "sentences.1.seconds: 0.1; at least 0.20"),
        ({"sentences": [{"text": "a"}, {"text": "b" * 301}]}, "sentences.1.text: 301 characters; at most 300"),
        ({"sentences": [{"text": "a", "seed": 1}]}, "sentences.0.seed"),
        ({"sentences": ["a"]}, "sentences.0"),
        ({"text": "a"}, "sentences"),
    ],
)
def test_sequences_that_make_no_sense(serve: Serve, body: dict[str, Any], words: str) -> None:
    answer = serve().post("/api/sequences", json=body)
    assert answer.status_code == 422
    assert words in answer.json()["error"]


@pytest.mark.parametrize(
    ("keep", "status", "words"),
    [
        ([], 422, "keep"),
        ([[0, 25]], 422, "keep.0: 0 to 25 are not in the motion, which has frames 0 to 24"),
        ([[0, 4], [9, 9]], 422, "keep.1: 9 to 9"),
        ([[0, 4, 8]], 422, "keep.0"),
        ([[-1, 4]], 422, "keep.0.0"),
        ([[at, at + 4] for at in range(17)], 422, "16"),
        ([[0, 24]], 202, "all frames are kept"),
        ([[0, 2]], 202, "frames 0:2 are less than 0.20 seconds"),
    ],
)
def test_inbetweens_that_make_no_sense(serve: Serve, keep: Any, status: int, words: str) -> None:
    client = serve()
    name = make(client, WALK)["id"]
    answer = client.post(f"/api/motions/{name}/inbetweens", json={"text": "a person jumps", "keep": keep})
    assert answer.status_code == status, answer.text
    said = answer.json() if status == 422 else settled(client, answer.json()["id"])
    assert words in said["error"]
    missing = client.post("/api/motions/unknown/inbetweens", json={"text": "a person jumps", "keep": [[0, 8]]})
    assert missing.status_code == 404


@pytest.mark.parametrize(
    ("path", "body", "status", "words"),
    [
        ("prolongations", {"seconds": 0.1}, 422, "seconds: 0.1; at least 0.20 are made"),
        ("prolongations", {"seconds": 119}, 422, "seconds: 120.2 in all; at most 120 are made"),
        ("prolongations", {"seconds": 117.7, "to": "SELF"}, 422, "seconds: 120.1 in all"),
        ("prolongations", {"seconds": 1e9}, 422, "seconds"),
        ("prolongations", {"to": "unknown"}, 404, "no motion of this id"),
        ("prolongations", {"to": ""}, 422, "to"),
        ("prolongations", {"text": "b" * 301}, 422, "text: 301 characters"),
        ("variations", {"keep_scales": 4}, 422, "keep_scales: 4; this model has 3 scales"),
        ("variations", {"keep_scales": -1}, 422, "keep_scales"),
        ("variations", {"keep_scales": 1.5}, 422, "keep_scales"),
        ("variations", {"count": 3}, 422, "count"),
        ("variations", {"text": " "}, 422, "text"),
        ("variations", {"text": "b" * 301}, 422, "text: 301 characters"),
    ],
)
def test_what_goes_on_or_varies_in_ways_that_make_no_sense(
    serve: Serve, path: str, body: dict[str, Any], status: int, words: str
) -> None:
    client = serve()
    name = make(client, WALK)["id"]
    body = {"text": "a person walks", **body, **({"to": name} if body.get("to") == "SELF" else {})}
    answer = client.post(f"/api/motions/{name}/{path}", json=body)
    assert answer.status_code == status, answer.text
    assert words in answer.json()["error"]
    missing = client.post(f"/api/motions/unknown/{path}", json={"text": "a person walks"})
    assert missing.status_code == 404


def test_only_what_the_model_can_take_at_once_is_varied(serve: Serve) -> None:
    client = serve()
    long = ask(client, "/api/sequences", {"sentences": [{"text": "a", "seconds": 1.2}, {"text": "b", "seconds": 1.2}]})
    answer = client.post(f"/api/motions/{long['id']}/variations", json={"text": "a person walks"})
    assert (answer.status_code, answer.json()["error"]) == (
        422, "a motion of 2.40 seconds; this model varies at most 1.60")  # fmt: skip


def test_a_file_of_ones_own_can_be_edited(serve: Serve) -> None:
    client = serve()
    content = client.get(f"/api/motions/{make(client, WALK)['id']}/files/bvh").content
    answer = client.post("/api/uploads", content=content, headers={"Content-Type": "application/octet-stream"})
    assert answer.status_code == 201, answer.text
    own = answer.json()
    assert (own["state"], own["frames"], own["seed"]) == ("done", 24, None)
    edited = client.post(f"/api/motions/{own['id']}/edits", json={"text": "a person waves"})
    assert settled(client, edited.json()["id"])["state"] == "done"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "Field required"),
        (b"HIERARCHY\nROOT a\n{\n", "the file"),
        (b"\xff\xfe\x00" * 100, "the file"),
        (b"HIERARCHY\n" + b"ROOT a { OFFSET 0 0 0 CHANNELS 0 " * 20_000, "the file"),
    ],
    ids=["empty", "cut", "bytes", "deep"],
)
def test_a_damaged_file_is_refused_in_one_line(serve: Serve, content: bytes, words: str) -> None:
    answer = serve().post("/api/uploads", content=content, headers={"Content-Type": "application/octet-stream"})
    assert answer.status_code == 422
    assert "\n" not in answer.json()["error"]
    assert words in answer.json()["error"]


def test_a_file_that_lasts_too_long_is_refused_before_it_is_resampled(serve: Serve) -> None:
    client = serve()
    content = client.get(f"/api/motions/{make(client, WALK)['id']}/files/bvh").content
    slow = content.replace(b"Frame Time: 0.05", b"Frame Time: 50.")
    assert slow != content
    answer = client.post("/api/uploads", content=slow, headers={"Content-Type": "application/octet-stream"})
    assert answer.status_code == 422
    assert "at most 120" in answer.json()["error"]


@pytest.mark.parametrize("suffix", formats())
def test_every_format_can_be_downloaded(serve: Serve, suffix: str, tmp_path: Path) -> None:
    client = serve()
    made = make(client, {**WALK, "seconds": 0.4})
    answer = client.get(f"/api/motions/{made['id']}/files/{suffix}")
    assert answer.status_code == 200
    assert len(answer.content) > 500
    assert answer.headers["content-disposition"] == f'attachment; filename="motion.{suffix}"'
    if suffix == "bvh":
        assert read_bvh(answer.content).frames == made["frames"]


def test_nothing_stays_on_disk(serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    leftover = tmp_path / "scalemogen-serve-left"
    leftover.mkdir()
    (leftover / "lock").touch()
    client = serve()
    assert not leftover.exists()
    made = make(client, WALK)
    client.get(f"/api/motions/{made['id']}/files/gif")
    (scratch,) = tmp_path.iterdir()
    assert [path.name for path in scratch.iterdir()] == ["lock"]
    client.__exit__()
    assert not list(tmp_path.iterdir())


def test_forgetting_a_motion(serve: Serve) -> None:
    client = serve()
    path = f"/api/motions/{make(client, WALK)['id']}"
    assert client.delete(path).status_code == 204
    assert [client.get(path).status_code, client.delete(path).status_code] == [404, 404]


def test_too_many_requests(serve: Serve) -> None:
    client = serve(rate=2)
    answers = [client.post("/api/motions", json=WALK) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [202, 202, 429]
    assert 1 <= int(answers[2].headers["retry-after"]) <= 30


def test_a_full_queue(model: TextToMotion, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    made = model.generate
    monkeypatch.setattr(model, "generate", lambda *a, **k: time.sleep(1.0) or made(*a, **k))
    client = serve(queue=2, batch=1)
    answers = [client.post("/api/motions", json=WALK) for _ in range(6)]
    refused = [answer for answer in answers if answer.status_code == 503]
    assert 3 <= len(refused) <= 4
    assert all(answer.headers["retry-after"] == "5" for answer in refused)
    for answer in answers:
        if answer.status_code == 202:
            client.delete(f"/api/motions/{answer.json()['id']}")


def test_progress_counts_scales(model: TextToMotion, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    client = serve()
    seen = []
    desk_watch = "scalemogen.serving.desk.Desk._watch"
    monkeypatch.setattr(desk_watch, lambda self, done, scales: seen.append((done, scales)))
    make(client, WALK)
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_files_of_the_server_are_out_of_reach(serve: Serve) -> None:
    client = serve()
    name = make(client, WALK)["id"]
    paths = ["/../setup.cfg", "/%2e%2e/setup.cfg", "/page/index.html", "/etc/passwd", "//etc/passwd", "/serve.py",
             "/viewer/viewer.js", "/docs", "/redoc", "/openapi.json", "/api/motions", "/api/motions/..%2f..%2fmodel",
             f"/api/motions/{name}/files/..%2fmodel.json", f"/api/motions/{name}/files/bvh%00.txt",
             f"/api/motions/{name}/files/BVH", f"/api/motions/{name}/files/exe"]  # fmt: skip
    for path in paths:
        answer = client.get(path)
        assert answer.status_code in (404, 405, 422), path
        assert list(answer.json()) == ["error"], path


def test_the_page_and_its_files(serve: Serve) -> None:
    client = serve()
    page = client.get("/").text
    for name in ("viewer.js", "viewer.css", "serve.js", "serve.css"):
        assert f'"{name}"' in page
        assert client.get(f"/{name}").status_code == 200
    assert "http://" not in page
    assert "https://" not in page
    assert "<script>" not in page  # its policy would refuse it


@pytest.mark.parametrize(
    "path", ["/", "/viewer.js", "/api/model", "/api/motions/unknown", "/nothing", "/api/openapi.json"]
)
def test_every_answer_carries_the_headers(serve: Serve, path: str) -> None:
    answer = serve().get(path)
    own = {"Cache-Control": "no-cache"} if path in ("/", "/viewer.js") else {}
    for name, value in (HEADERS | own).items():
        assert answer.headers[name] == value


def test_other_names_and_other_sites_are_refused(serve: Serve) -> None:
    client = serve()
    assert client.get("/api/model", headers={"Host": "evil.example"}).status_code == 400
    for name in ("localhost", "LOCALHOST:8000", "127.0.0.1:9", "[::1]:8000", "[::1]"):
        assert client.get("/api/model", headers={"Host": name}).status_code == 200, name
    origins = {"http://localhost": 202, "http://evil.example": 403, "null": 403, "http://localhost:81": 403}
    for origin, status in origins.items():
        assert client.post("/api/motions", json=WALK, headers={"Origin": origin}).status_code == status, origin


def test_elsewhere_any_name_will_do(model: TextToMotion) -> None:
    with TestClient(create_app(model, host="0.0.0.0"), base_url="http://studio.example") as client:
        assert client.get("/api/model").status_code == 200


@pytest.mark.parametrize(
    ("host", "own"),
    [("127.0.0.1", True), ("localhost", True), ("::1", True), ("0.0.0.0", False), ("::", False), ("studio", False)],
)
def test_loopback(host: str, own: bool) -> None:
    assert is_loopback(host) is own


def test_large_bodies_are_not_read(serve: Serve) -> None:
    client = serve()
    headers = {"Content-Type": "application/json"}
    assert client.post("/api/motions", content=b" " * 17_000, headers=headers).status_code == 413
    pieces = (b" " * 1000 for _ in range(20))  # without a Content-Length
    assert client.post("/api/motions", content=pieces, headers=headers).status_code == 413
    large = b"x" * (8 * 2**20 + 1)
    headers = {"Content-Type": "application/octet-stream"}
    assert client.post("/api/uploads", content=large, headers=headers).status_code == 413


def test_a_failure_tells_no_secrets(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("secret path /etc/passwd")

    client = serve()
    name = make(client, WALK)["id"]
    monkeypatch.setattr("scalemogen.serving.api.viewer_record", fail)
    answer = client.get(f"/api/motions/{name}/figure")
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_the_description_is_complete(serve: Serve) -> None:
    description = serve().get("/api/openapi.json").json()
    operations = [(path, method, operation) for path, methods in description["paths"].items()
                  for method, operation in methods.items()]  # fmt: skip
    assert len(operations) == 12
    for path, method, operation in operations:
        assert operation["description"], (path, method)
        assert "HTTPValidationError" not in json.dumps(operation), (path, method)
