"""A sweep through W&B's own client: it is made on a server, whose agent starts the runs here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from helpers.wandb_server import sweep_server

PROGRAM = """
import json, os, sys
with open("calls", "a") as calls:
    facts = [sys.executable, sys.argv[1:], os.environ["WANDB_SWEEP_ID"], os.environ["WANDB_RUN_ID"]]
    calls.write(json.dumps(facts) + chr(10))
"""


@pytest.mark.slow
def test_a_server_s_agent_fills_in_the_command(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    words = ["${env}", "${interpreter}", "${program}", "fit", "${args}", "--", "${args_no_hyphens}"]
    content: dict[str, Any] = {"program": "program.py", "method": "grid", "command": words}
    content["parameters"] = {"a.b": {"values": [1e-05, 2]}}
    (tmp_path / "try.yaml").write_text(yaml.safe_dump(content))
    with sweep_server() as server:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("WANDB_")}
        environment |= {"WANDB_BASE_URL": server.url, "WANDB_API_KEY": "0" * 40, "PATH": "/usr/bin:/bin"}
        command = [sys.executable, "-m", "scalemogen", "sweep", "try.yaml", "--set", "fixed=3"]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=200)
        asked = [name for name, _ in server.asked]
        sent = yaml.safe_load(server.config)
    assert done.returncode == 0, (done.stderr, server.asked)
    assert "wandb agent --project scalemogen abc" in done.stdout
    assert [asked.index(name) for name in ("UpsertSweep", "CreateAgent", "Heartbeat")] == sorted(
        asked.index(name) for name in ("UpsertSweep", "CreateAgent", "Heartbeat")
    )
    assert sent["command"] == words
    assert sent["parameters"]["fixed"]["value"] == 3
    calls = [json.loads(line) for line in (tmp_path / "calls").read_text().splitlines()]
    assert [options for _, options, _, _ in calls] == [
        ["fit", "--a.b=1e-05", "--", "a.b=1e-05"],
        ["fit", "--a.b=2", "--", "a.b=2"],
    ]
    assert {(sweep, Path(python).name[:6]) for python, _, sweep, _ in calls} == {("abc", "python")}
    assert {Path(python).parent for python, _, _, _ in calls} == {Path(sys.executable).parent}
    assert len({run for _, _, _, run in calls}) == 2
