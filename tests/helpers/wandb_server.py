"""A W&B server as far as a sweep needs one: answers the client's GraphQL, and keeps what it was asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import yaml

PROJECT = {"id": "p", "name": "scalemogen", "entity": {"id": "e", "name": "me"}}


class SweepServer(ThreadingHTTPServer):
    """Hands out the points of a grid over `values`, one for each heartbeat of an idle agent, then tells it to leave.

    Attributes:
        asked: operation and variables of every request.
        config: the sweep file that was sent, as YAML.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.config = ""
        self._points: list[dict[str, Any]] | None = None

    @property
    def url(self) -> str:
        """Address for WANDB_BASE_URL."""
        return f"http://127.0.0.1:{self.server_port}"

    def answer(self, query: str, variables: dict[str, Any]) -> dict[str, Any]:
        """Return the data of one operation."""
        name = next((name for name in ANSWERS if name in query), query.split("{", 1)[0])
        self.asked.append((name, variables))
        return {} if name not in ANSWERS else ANSWERS[name](self, variables)

    def upsert(self, variables: dict[str, Any]) -> dict[str, Any]:
        """Take a sweep."""
        self.config = variables["config"]
        sweep = {"name": "abc", "project": {**PROJECT, "name": variables["projectName"]}}
        return {"upsertSweep": {"sweep": sweep, "configValidationWarnings": []}}

    def sweep(self, _: dict[str, Any]) -> dict[str, Any]:
        """Describe the sweep to its agent."""
        return {"project": {"sweep": {"id": "s", "name": "abc", "config": self.config, "runs": {"edges": []}}}}

    def heartbeat(self, variables: dict[str, Any]) -> dict[str, Any]:
        """Give an idle agent its next run."""
        content = yaml.safe_load(self.config)
        if self._points is None:
            ((name, parameter),) = [item for item in content["parameters"].items() if "values" in item[1]]
            self._points = [{name: {"value": value}} for value in parameter["values"]]
        commands: list[dict[str, Any]] = []
        if not json.loads(variables["runState"]):
            if self._points:
                point, number = self._points.pop(0), len(self._points)
                commands = [{"type": "run", "run_id": f"run{number}", "program": content.get("program"), "args": point}]
            else:
                commands = [{"type": "exit"}]
        return {"agentHeartbeat": {"agent": {"id": "a"}, "commands": json.dumps(commands)}}


ANSWERS = {
    "UpsertSweep": SweepServer.upsert,
    "SweepWithRuns": SweepServer.sweep,
    "CreateAgent": lambda *_: {"createAgent": {"agent": {"id": "a"}}},
    "Heartbeat": SweepServer.heartbeat,
    "viewer": lambda *_: {
        "viewer": {"id": "v", "username": "me", "entity": "me", "flags": "{}", "teams": {"edges": []}}
    },
}


class _Handler(BaseHTTPRequestHandler):
    server: SweepServer

    def do_POST(self) -> None:
        """Answer one request."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        reply = json.dumps({"data": self.server.answer(body["query"], body.get("variables") or {})}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def sweep_server() -> Iterator[SweepServer]:
    """Run a server while inside."""
    server = SweepServer()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
