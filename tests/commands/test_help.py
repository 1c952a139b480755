"""The help of every command can be read: nothing in it is taken for markup, and it is there at once."""

import click
import pytest
from typer.main import get_command
from typer.testing import CliRunner

from unqueue.__main__ import _PARTS, app

runner = CliRunner()


def commands() -> list[list[str]]:
    """Every command and its subcommands."""
    found: list[list[str]] = []
    root = get_command(app)
    for name in _PARTS:
        found.append([name])
        part = root.get_command(click.Context(root), name)  # type: ignore[attr-defined]
        found += (
            [[name, one] for one in part.list_commands(click.Context(part))] if hasattr(part, "list_commands") else []
        )
    return found


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_help(words: list[str]) -> None:
    answer = runner.invoke(app, [*words, "--help"], env={"COLUMNS": "200", "NO_COLOR": "1"})
    assert answer.exit_code == 0
    assert "Usage: " in answer.output


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["serve"], "[server] host and port"),
        (["lane"], "the settings' [lane] table"),
        (["doctor"], "have a [lane]"),
        (["device", "add"], "goes into [lane] or [kiosk] of"),
    ],
)
def test_tables_of_the_settings_keep_their_brackets(words: list[str], told: str) -> None:
    answer = runner.invoke(app, [*words, "--help"], env={"COLUMNS": "200", "NO_COLOR": "1"})
    assert told in " ".join(answer.output.split())
