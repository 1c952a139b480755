"""The lock files hold what pyproject.toml asks for, with hashes and without addresses."""

import json
import re
import tomllib
from typing import Any

import lock
import pytest

PROJECT: dict[str, Any] = tomllib.loads((lock.ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def _name(requirement: str) -> str:
    return re.split(r"[\[<>=; ]", requirement)[0].lower()


def _locked(name: str) -> dict[str, str]:
    """Each package's part of a lock file."""
    text = (lock.ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
    parts = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)
    return {_name(part): part for part in parts if part}


@pytest.mark.parametrize("name", lock.LOCKS)
def test_every_package_has_a_version_and_hashes_and_no_address(name: str) -> None:
    for package, part in _locked(name).items():
        assert re.match(rf"{re.escape(package)}==\S+", part)
        assert "--hash=sha256:" in part
        assert "://" not in part


def test_what_the_project_needs_is_locked() -> None:
    assert {_name(one) for one in PROJECT["project"]["dependencies"]} <= _locked("runtime").keys()
    groups = [one for group in PROJECT["dependency-groups"].values() for one in group if isinstance(one, str)]
    assert {_name(one) for one in groups} <= _locked("dev").keys()
    assert _locked("runtime").keys() | _locked("build").keys() <= _locked("dev").keys()


def test_one_environment_can_hold_all_locks() -> None:
    dev = _locked("dev")
    for name in ("runtime", "build"):
        for package, part in _locked(name).items():
            assert part.split()[0] == dev[package].split()[0]


def test_the_wheel_is_built_with_what_is_locked() -> None:
    assert PROJECT["build-system"]["requires"] == PROJECT["dependency-groups"]["build"]
    assert all(
        requirement in _locked("build")[_name(requirement)] for requirement in PROJECT["build-system"]["requires"]
    )


def test_the_web_lock_has_every_systems_variants_and_no_address() -> None:
    packages = json.loads((lock.ROOT / "web" / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    for path, package in packages.items():
        assert "resolved" not in package
        assert not path or package["integrity"].startswith("sha512-")
        for name in package.get("optionalDependencies", {}):
            assert any(other.endswith(f"node_modules/{name}") for other in packages), f"{name} is missing"
