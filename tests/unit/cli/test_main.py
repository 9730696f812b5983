"""Dispatch, exit statuses and messages of the console script."""

from __future__ import annotations

import argparse
import errno
import re
import subprocess
import sys
import types
from pathlib import Path

import pytest

from scalemogen import __version__
from scalemogen.cli import main as cli
from scalemogen.cli.parser import Parser
from scalemogen.errors import UserError
from scalemogen.files import atomic_path


@pytest.fixture
def fake_command(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """Put modules in the place of `scalemogen generate`."""
    arguments = types.ModuleType("scalemogen.cli.arguments.generate")
    command = types.ModuleType("scalemogen.cli.generate")

    def build_parser() -> argparse.ArgumentParser:
        parser = Parser(prog="scalemogen generate")
        parser.add_argument("--seconds", type=float, required=True)
        return parser

    arguments.build_parser = build_parser  # type: ignore[attr-defined]
    command.run = lambda args: 0  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, arguments.__name__, arguments)
    monkeypatch.setitem(sys.modules, command.__name__, command)
    return command


def fail_with(command: types.ModuleType, error: BaseException) -> int:
    def run(args: argparse.Namespace) -> int:
        raise error

    command.run = run  # type: ignore[attr-defined]
    return cli.main(["generate", "--seconds", "3"])


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--help"]) == 0
    text = capsys.readouterr().out
    for name in (*cli.STAGES, *cli.COMMANDS):
        assert re.search(rf"^  {name} +\S", text, flags=re.MULTILINE)


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"scalemogen {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["generat"], "unknown command 'generat', did you mean 'generate'?"),
        (["paint"], "unknown command 'paint'; choose from tokenizer, ar,"),
        ([], "no command given; choose from"),
        (["generate"], "the following arguments are required: --seconds (see `scalemogen generate --help`)"),
        (["generate", "--seconds", "long"], "argument --seconds: invalid float value: 'long'"),
    ],
)
@pytest.mark.usefixtures("fake_command")
def test_bad_input_is_one_line(capsys: pytest.CaptureFixture[str], arguments: list[str], message: str) -> None:
    assert cli.main(arguments) == cli.BAD_INPUT
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"scalemogen: error: {message}")
    assert captured.err.count("\n") == 1


def test_a_stage_reads_its_own_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, list[str]]] = []
    stages = types.ModuleType("scalemogen.cli.stages")
    stages.main = lambda stage, argv: seen.append((stage, argv))  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "scalemogen.cli.stages", stages)
    assert cli.main(["ar", "fit", "--config", "a.yaml", "--help"]) == 0
    assert seen == [("ar", ["fit", "--config", "a.yaml", "--help"])]


def test_the_status_of_a_command_is_the_status(fake_command: types.ModuleType) -> None:
    fake_command.run = lambda args: 1  # type: ignore[attr-defined]
    assert cli.main(["generate", "--seconds", "3"]) == 1


def test_a_message_of_several_lines_becomes_one(
    fake_command: types.ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fail_with(fake_command, UserError("a.bvh:\n  line 3 is cut")) == cli.BAD_INPUT
    assert capsys.readouterr().err == "scalemogen: error: a.bvh: line 3 is cut\n"


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device", "runs/a.npy"),
        RuntimeError("Error while serializing: I/O error: No space left on device (os error 28)"),
        RuntimeError("[enforce fail at inline_container.cc:743] . PytorchStreamWriter failed writing file data/0"),
    ],
)
def test_a_full_disk_is_one_line(
    fake_command: types.ModuleType, capsys: pytest.CaptureFixture[str], error: Exception
) -> None:
    assert fail_with(fake_command, error) == cli.BAD_INPUT
    text = capsys.readouterr().err
    assert text.startswith("scalemogen: error: No space left on device")
    assert text.count("\n") == 1


def test_a_full_disk_is_found_behind_another_error(
    fake_command: types.ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    error = RuntimeError("saving failed")
    error.__cause__ = OSError(errno.ENOSPC, "No space left on device")
    assert fail_with(fake_command, error) == cli.BAD_INPUT
    assert "No space left" in capsys.readouterr().err


def test_an_error_of_ours_keeps_its_traceback(fake_command: types.ModuleType) -> None:
    with pytest.raises(ZeroDivisionError):
        fail_with(fake_command, ZeroDivisionError("a bug"))


def test_ctrl_c(fake_command: types.ModuleType) -> None:
    assert fail_with(fake_command, KeyboardInterrupt()) == cli.INTERRUPTED


def test_a_reader_that_went_away_is_no_error() -> None:
    code = "import sys; from scalemogen.cli import main as cli; sys.exit(cli.main(['--help'] if input() else []))"
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.close()
    _, errors = process.communicate(b"go\n")
    assert (process.returncode, errors) == (cli.BROKEN_PIPE, b"")


def test_a_full_disk_leaves_nothing_half_written(tmp_path: Path) -> None:
    def write_to_a_full_device() -> None:
        with atomic_path(tmp_path / "a.bin") as path, Path("/dev/full").open("wb", buffering=0) as device:
            path.write_bytes(b"half")
            device.write(b"x")

    with pytest.raises(UserError, match=r"a\.bin: No space left on device"):
        write_to_a_full_device()
    assert not any(tmp_path.iterdir())


def test_python_m_scalemogen() -> None:
    command = [sys.executable, "-m", "scalemogen", "--version"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == f"scalemogen {__version__}\n"


def test_help_needs_nothing_heavy() -> None:
    code = (
        "import sys; from scalemogen.cli.main import main; main(['--help']);"
        "sys.exit(bool({'torch', 'numpy', 'lightning', 'jsonargparse'} & set(sys.modules)))"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
