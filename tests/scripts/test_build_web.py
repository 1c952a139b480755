"""What makes the screens out of date, and what does not."""

import os
from pathlib import Path

import build_web
import pytest


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A checkout whose packages are installed and whose one screen is built, as far as stamps and files tell."""
    for name, content in {
        "web/package.json": "{}",
        "web/package-lock.json": "{}",
        "web/lane/index.html": "<html>",
        "web/lane/main.ts": "1",
        "web/shared/money.ts": "2",
        "web/node_modules/vite/index.js": "3",
        "src/unqueue/web_dist/lane/index.html": "<html>",
    }.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    (tmp_path / "web/node_modules/.unqueue-packages").write_text(f"{build_web._packages_digest(tmp_path)} run")
    (tmp_path / "web/node_modules/.unqueue-screens").write_text(build_web._sources_digest(tmp_path))
    return tmp_path


def test_what_was_built_is_current(root: Path) -> None:
    assert build_web.packages_are_current(root, dev=False)
    assert build_web.screens_are_current(root)


def test_touching_a_file_changes_nothing(root: Path) -> None:
    os.utime(root / "web/lane/main.ts", (1, 1))
    assert build_web.screens_are_current(root)


@pytest.mark.parametrize("name", ["web/lane/main.ts", "web/shared/money.ts", "web/package.json", "web/new.ts"])
def test_a_changed_source_is_built_again(root: Path, name: str) -> None:
    (root / name).write_text("changed")
    assert not build_web.screens_are_current(root)


def test_a_renamed_source_is_built_again(root: Path) -> None:
    (root / "web/lane/main.ts").rename(root / "web/lane/first.ts")
    assert not build_web.screens_are_current(root)


def test_a_built_screen_that_was_removed_is_built_again(root: Path) -> None:
    (root / "src/unqueue/web_dist/lane/index.html").unlink()
    assert not build_web.screens_are_current(root)


def test_a_new_screen_is_built(root: Path) -> None:
    (root / "web/shop").mkdir()
    (root / "web/shop/index.html").touch()
    assert build_web.screens(root) == ["lane", "shop"]
    assert not build_web.screens_are_current(root)


def test_packages_are_installed_again_when_the_lock_changes(root: Path) -> None:
    (root / "web/package-lock.json").write_text("{ }")
    assert not build_web.packages_are_current(root, dev=False)


def test_what_users_need_is_not_all_that_developers_need(root: Path) -> None:
    assert not build_web.packages_are_current(root, dev=True)
    (root / "web/node_modules/.unqueue-packages").write_text(f"{build_web._packages_digest(root)} dev")
    assert build_web.packages_are_current(root, dev=True)
    assert build_web.packages_are_current(root, dev=False)


def test_a_failing_npm_is_told(root: Path) -> None:
    with pytest.raises(build_web.WebBuildError, match=r"npm run nothing failed .*exit code"):
        build_web.npm(root, "run", "nothing")
