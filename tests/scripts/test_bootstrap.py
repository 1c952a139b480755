"""The bootstrap on machines that lack something: it does what it may, and says the command for the rest."""

import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import bootstrap
import pytest

BOOTSTRAP = Path(bootstrap.__file__)


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """An empty checkout, and the commands that would have been run in it."""
    run: list[list[str]] = []
    monkeypatch.setattr(bootstrap, "ROOT", tmp_path)
    monkeypatch.setattr(bootstrap, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(bootstrap, "run", lambda command, *_: run.append(command))
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    return run


def _as_user(monkeypatch: pytest.MonkeyPatch, user: int) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: user)


def _system(monkeypatch: pytest.MonkeyPatch, *programs: str) -> None:
    monkeypatch.setattr(bootstrap, "which", lambda name: f"/usr/bin/{name}" if name in programs else None)


def _lacks(*packages: str) -> dict[str, tuple[str, Callable[[], bool]]]:
    return {package: (package, lambda: False) for package in packages}


def test_root_gets_what_the_tests_need(commands: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    _as_user(monkeypatch, 0)
    _system(monkeypatch, "apt-get")
    monkeypatch.setattr(bootstrap, "_SYSTEM", _lacks("chromium", "postgresql"))
    bootstrap.install_system_packages()
    assert [command[:2] for command in commands] == [["apt-get", "update"], ["apt-get", "install"]]
    assert commands[1][-2:] == ["chromium", "postgresql"]


def test_others_are_told_the_command(commands: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    _as_user(monkeypatch, 1000)
    _system(monkeypatch, "apt-get")
    monkeypatch.setattr(bootstrap, "_SYSTEM", _lacks("chromium"))
    with pytest.raises(bootstrap.SetupError, match=r"sudo apt-get install .* chromium"):
        bootstrap.install_system_packages()
    assert commands == []


def test_other_systems_are_told_what_to_install(commands: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    _system(monkeypatch)
    monkeypatch.setattr(bootstrap, "_SYSTEM", _lacks("chromium"))
    with pytest.raises(bootstrap.SetupError, match="The tests need chromium"):
        bootstrap.install_system_packages()
    assert commands == []


def test_what_is_there_is_not_installed(commands: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "_SYSTEM", {"Chromium": ("chromium", lambda: True)})
    bootstrap.install_system_packages()
    assert commands == []


def test_a_debian_without_ensurepip(commands: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    _as_user(monkeypatch, 1000)
    _system(monkeypatch, "apt-get")
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    with pytest.raises(bootstrap.SetupError, match=rf"sudo apt-get install .* python{version}-venv"):
        bootstrap.make_virtual_environment()
    assert commands == []


def test_packages_are_checked_against_their_hashes(commands: list[list[str]], tmp_path: Path) -> None:
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements" / "runtime.txt").write_text("a==1\n")
    bootstrap.install_packages("runtime")
    assert "--require-hashes" in commands[0]
    bootstrap.install_packages("runtime")
    assert len(commands) == 1, "nothing changed, so nothing is installed"
    (tmp_path / "requirements" / "runtime.txt").write_text("a==2\n")
    bootstrap.install_packages("runtime")
    assert len(commands) == 2


def test_a_failed_step_is_done_again(
    commands: list[list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise bootstrap.SetupError("no network")

    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements" / "runtime.txt").write_text("a==1\n")
    with monkeypatch.context() as broken:
        broken.setattr(bootstrap, "run", fail)
        with pytest.raises(bootstrap.SetupError):
            bootstrap.install_packages("runtime")
    bootstrap.install_packages("runtime")
    assert len(commands) == 1


def test_a_failing_command_says_what_it_said() -> None:
    program = "print('something odd'); raise SystemExit(3)"
    with pytest.raises(bootstrap.SetupError, match=r"something odd\n\nThis failed \(exit code 3\)"):
        bootstrap.run([sys.executable, "-c", program])


def test_an_old_python_is_told_kindly(tmp_path: Path) -> None:
    pretend = f"""
import runpy, sys
sys.path.insert(0, {str(BOOTSTRAP.parent)!r})
sys.version_info, sys.argv = (3, 9, 0), ["bootstrap.py", "run"]
runpy.run_path({str(BOOTSTRAP)!r}, run_name="__main__")
"""
    done = subprocess.run([sys.executable, "-c", pretend], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("Unqueue needs Python 3.11 or newer")
