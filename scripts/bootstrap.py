"""Set up what a make target needs, on a machine that has only Python and make. Standard library only.

`python3 scripts/bootstrap.py run` sets up what users need (virtual environment, pinned packages, built screens), `dev`
also what checks the sources, and `test` also Chromium, PostgreSQL and a Chinese font from Debian's packages.
What is done is stamped with what it was made from, so a run that finds nothing changed takes well under a second.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import build_web

ROOT = build_web.ROOT
VENV = ROOT / ".venv"
PYTHON_VERSION_MIN = (3, 11)
_OUTPUT_LINES_MAX = 80

# What the tests need of the system: name → (Debian package, whether it is there).
_SYSTEM: dict[str, tuple[str, Callable[[], bool]]] = {
    "Chromium": ("chromium", lambda: any(map(shutil.which, ("chromium", "chromium-browser", "google-chrome")))),
    "PostgreSQL": (
        "postgresql",
        lambda: bool(list(Path("/usr/lib/postgresql").glob("*/bin/initdb")) or which("initdb")),
    ),
    "a Chinese font": ("fonts-noto-cjk", lambda: bool(list(Path("/usr/share/fonts").glob("**/NotoSansCJK*")))),
}


class SetupError(Exception):
    """The machine can't be set up; the text says what to do."""


def which(name: str) -> str | None:
    return shutil.which(name)


def set_up(level: str) -> None:
    """Bring the checkout to a level: run, dev or test. Raises SetupError."""
    dev = level != "run"
    if level == "test":
        install_system_packages()
    make_virtual_environment()
    install_packages("build")  # holds Node: the screens can be built while the other packages are being installed
    screens = _Background(lambda: build_screens(dev=dev))
    install_packages("dev" if dev else "runtime")
    install_project()
    screens.join()


def install_system_packages() -> None:
    missing = {name: package for name, (package, is_there) in _SYSTEM.items() if not is_there()}
    if not missing:
        return
    names = ", ".join(missing)
    if not which("apt-get"):
        raise SetupError(f"The tests need {names}. Install them with this system's package manager and run it again.")
    apt_get_install(sorted(missing.values()), f"{names} for the tests")


def apt_get_install(packages: list[str], purpose: str) -> None:
    """Install Debian packages where we may; else say the command."""
    command = ["apt-get", "install", "--yes", "--no-install-recommends", *packages]
    if os.geteuid() != 0:
        raise SetupError(f"{purpose}: missing. Please run\n\n    sudo {' '.join(command)}\n\nand then this again.")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    with step(f"Debian packages: {' '.join(packages)}"):
        run(["apt-get", "update", "--quiet"], environment)
        run(command, environment)


def make_virtual_environment() -> None:
    if venv_program("python").exists():
        return
    if importlib.util.find_spec("ensurepip") is None:  # Debian keeps it in a package of its own
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        if not which("apt-get"):
            raise SetupError("This Python lacks the module ensurepip. Install a Python that can make environments.")
        apt_get_install([f"{version}-venv"], "Python's module for virtual environments")
    with step(f"virtual environment in {VENV.name}/"):
        run([sys.executable, "-m", "venv", "--clear", str(VENV)])


def install_packages(name: str) -> None:
    """Install requirements/<name>.txt: exact versions, checked against their hashes."""
    requirements = ROOT / "requirements" / f"{name}.txt"
    stamp = Stamp(f"packages-{name}", requirements.read_bytes())
    if stamp.is_current():
        return
    with step(f"Python packages ({name})"):
        # Not compiled ahead: most modules are never imported, and it would take as long as all the rest.
        pip("install", "--require-hashes", "--no-deps", "--only-binary=:all:", "--no-compile", "-r", str(requirements))
    stamp.set()


def install_project() -> None:
    """Install this checkout itself, editable: the command `unqueue` runs the sources as they are."""
    stamp = Stamp("project", (ROOT / "pyproject.toml").read_bytes(), (ROOT / "hatch_build.py").read_bytes())
    if stamp.is_current() and venv_program("unqueue").exists():
        return
    with step("the command unqueue"):
        pip("install", "--no-deps", "--no-build-isolation", "--editable", str(ROOT))
    stamp.set()


def build_screens(*, dev: bool) -> None:
    if build_web.packages_are_current(ROOT, dev=dev) and build_web.screens_are_current(ROOT):
        return
    with step("screens (web/)"):
        run([str(venv_program("python")), str(ROOT / "scripts" / "build_web.py"), *(["--dev"] if dev else [])])


class Stamp:
    """A file that tells what a step was made from. The virtual environment holds it, so it goes when that goes."""

    def __init__(self, name: str, *inputs: bytes) -> None:
        whole = hashlib.sha256(str(ROOT).encode())  # an environment that was moved is another environment
        for content in inputs:
            whole.update(hashlib.sha256(content).digest())
        self._file = VENV / ".stamps" / name
        self._digest = whole.hexdigest()

    def is_current(self) -> bool:
        return self._file.is_file() and self._file.read_text(encoding="utf-8") == self._digest

    def set(self) -> None:
        self._file.parent.mkdir(exist_ok=True)
        self._file.write_text(self._digest, encoding="utf-8")


class _Background:
    """Runs a step beside the others; `join` raises what it raised."""

    def __init__(self, task: Callable[[], None]) -> None:
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, args=(task,))
        self._thread.start()

    def join(self) -> None:
        self._thread.join()
        if self._error:
            raise self._error

    def _run(self, task: Callable[[], None]) -> None:
        try:
            task()
        except Exception as error:  # noqa: BLE001  # raised again by join, on the main thread
            self._error = error


@contextmanager
def step(what: str) -> Iterator[None]:
    """Say what begins, and how long it took once it is done."""
    started = time.monotonic()
    say(f"   {what} …")
    yield
    say(f" ✓ {what}  {time.monotonic() - started:.1f} s")


def say(text: str) -> None:
    print(text, flush=True)


def pip(*arguments: str) -> None:
    run([str(venv_program("python")), "-m", "pip", "--disable-pip-version-check", *arguments, "--quiet"])


def run(command: list[str], environment: dict[str, str] | None = None) -> None:
    """Run a program quietly; when it fails, SetupError carries the end of what it said."""
    done = subprocess.run(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env=environment,
        check=False,
    )
    if done.returncode != 0:
        said = "\n".join(done.stdout.splitlines()[-_OUTPUT_LINES_MAX:])
        raise SetupError(f"{said}\n\nThis failed (exit code {done.returncode}): {' '.join(command)}")


def venv_program(name: str) -> Path:
    return VENV / ("Scripts" if os.name == "nt" else "bin") / (f"{name}.exe" if os.name == "nt" else name)


@contextmanager
def alone() -> Iterator[None]:
    """Two bootstraps of one checkout wait for each other."""
    try:
        import fcntl  # noqa: PLC0415  # Windows has none
    except ImportError:
        yield
        return
    folder = os.open(ROOT, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def main() -> int:
    parser = argparse.ArgumentParser(description="Set up what a make target needs.")
    parser.add_argument("level", choices=("run", "dev", "test"), help="for users, for checking sources, for tests")
    level = parser.parse_args().level
    if sys.version_info < PYTHON_VERSION_MIN:
        wanted = ".".join(map(str, PYTHON_VERSION_MIN))
        print(f"Unqueue needs Python {wanted} or newer; this is {sys.version.split()[0]}.", file=sys.stderr)
        print("If a newer one is installed: make PYTHON=python3.12 …", file=sys.stderr)
        return 1
    try:
        with alone():
            set_up(level)
    except (SetupError, build_web.WebBuildError) as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
