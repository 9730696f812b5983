"""Every command keeps the contract of `cli.main`: it is importable, described, and its help shows an example."""

from __future__ import annotations

from importlib import import_module

import pytest

from scalemogen.cli.main import BAD_INPUT, COMMANDS, main


@pytest.mark.parametrize("name", COMMANDS)
def test_help_shows_an_example(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as leaving:
        main([name, "--help"])
    assert leaving.value.code == 0
    text = " ".join(capsys.readouterr().out.split())
    assert text.startswith(f"usage: scalemogen {name}")
    assert f"example: scalemogen {name}" in text


@pytest.mark.parametrize("name", COMMANDS)
def test_an_unknown_option_is_one_line(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name, "--no-such-option"]) == BAD_INPUT
    text = capsys.readouterr().err
    assert text.startswith("scalemogen: error: ")
    assert text.count("\n") == 1
    assert callable(import_module(f"scalemogen.cli.{name.replace('-', '_')}").run)
