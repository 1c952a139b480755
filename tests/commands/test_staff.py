"""``unqueue staff`` as someone at the store's server types it."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from unqueue.commands.common import console
from unqueue.commands.staff import app

runner = CliRunner()


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory where the command is run."""
    (tmp_path / "unqueue.toml").write_text("", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("UNQUEUE_SETTINGS", raising=False)
    monkeypatch.setattr(console, "width", 200)
    return tmp_path


def run(*words: str, status: int = 0) -> list[str]:
    result = runner.invoke(app, [*words])
    assert result.exit_code == status, result.output
    return [" ".join(line.split()) for line in result.output.splitlines()]


def test_add_and_list(shop: Path) -> None:
    assert shop.is_dir()
    run("add", "Li Wei", "--pin", "482915")
    run("add", "Wang", "--pin", "482915", "--role", "supervisor")
    assert run("list")[1:] == ["Li Wei attendant ✓", "Wang supervisor ✓"]
    run("add", "Wang", "--pin", "111222")
    run("add", "Li Wei", "--pin", "482915", "--role", "it")
    assert run("list")[1:] == ["Li Wei it ✓", "Wang supervisor ✓"]


def test_remove(shop: Path) -> None:
    assert shop.is_dir()
    run("add", "Li Wei", "--pin", "482915")
    run("remove", "Li Wei")
    assert run("list")[1:] == []
    assert "Nobody on the staff is called Li Wei" in " ".join(run("remove", "Li Wei", status=1))
    run("add", "Li Wei", "--pin", "482915")
    assert run("list")[1:] == ["Li Wei attendant ✓"]


def test_forget_passkeys(shop: Path) -> None:
    assert shop.is_dir()
    run("add", "Li Wei", "--pin", "482915")
    assert "Li Wei: 0 forgotten" in " ".join(run("forget-passkeys", "Li Wei"))
    run("forget-passkeys", "nobody", status=1)


def test_link_to_head_office(shop: Path) -> None:
    run("add", "Li Wei", "--pin", "482915")
    assert "no head office" in " ".join(run("link", "Li Wei", "7c1e40", status=1))
    office = '[staff.oidc]\nissuer = "https://login.example"\nclient_id = "shop"\n'
    office += '[staff.oidc.roles]\nstaff = "attendant"\n'
    (shop / "unqueue.toml").write_text(office, encoding="utf-8")
    run("link", "Li Wei", "7c1e40")
    assert run("list")[1:] == ["Li Wei attendant ✓ ✓"]
    run("link", "nobody", "7c1e40", status=1)


def test_a_role_that_is_none(shop: Path) -> None:
    assert shop.is_dir()
    assert "There is no role boss" in " ".join(run("add", "Li Wei", "--pin", "482915", "--role", "boss", status=1))
    assert run("list")[1:] == []


def test_the_roles(shop: Path) -> None:
    assert shop.is_dir()
    lines = run("roles")
    assert lines[0] == "May attendant supervisor manager it"
    assert "floor see lanes, kiosks, calls and the day's figures ✓ ✓ ✓ ✓" in lines
    assert lines[-1].endswith("✓ ✓"), "reconcile: supervisors and managers"
