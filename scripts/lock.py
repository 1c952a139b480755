"""Resolve the dependencies of pyproject.toml into requirements/*.txt: versions and hashes, no addresses.

What is locked and still fits stays; delete a file of requirements/ to resolve it anew. The locks hold for every system
and for every Python from 3.11 on (environment markers tell them apart). web/package-lock.json is made anew each time.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import build_web

ROOT = build_web.ROOT
# Later files are held to the versions of the earlier ones, so that one environment can hold them all.
LOCKS: dict[str, tuple[list[str], list[str]]] = {
    "runtime": (["pyproject.toml"], []),
    "build": (["--group", "build"], ["runtime"]),
    "dev": (["pyproject.toml", "--group", "dev"], ["runtime", "build"]),
}


def resolve(name: str) -> None:
    sources, constraints = LOCKS[name]
    target = Path("requirements") / f"{name}.txt"
    command = [
        str(Path(sys.executable).parent / "uv"),
        *["--no-config", "pip", "compile", "--quiet", "--universal", "--python-version", "3.11"],
        *["--generate-hashes", "--no-emit-index-url", "--no-header"],
        *[word for other in constraints for word in ("--constraint", f"requirements/{other}.txt")],
        *["--override", "requirements/override.in"],
        *["--output-file", str(target)],
        *sources,
    ]
    subprocess.run(command, cwd=ROOT, check=True)
    text = (ROOT / target).read_text(encoding="utf-8")
    if "://" in text:
        raise SystemExit(f"{target} holds an address; a lock file carries versions and hashes only")
    print(f"{target}: {text.count('==')} packages")


def resolve_web() -> None:
    """In an empty folder: beside a node_modules, npm locks only the variants for this machine's system."""
    web = ROOT / "web"
    with tempfile.TemporaryDirectory() as temporary:
        empty = Path(temporary) / "web"
        empty.mkdir()
        for name in ("package.json", ".npmrc"):
            shutil.copy(web / name, empty / name)
        build_web.npm(empty.parent, "install", "--package-lock-only", "--no-audit", "--no-fund")
        build_web.npm(empty.parent, "ci", "--dry-run", "--no-audit", "--no-fund")  # fails where the lock has gaps
        lock = without_funding((empty / "package-lock.json").read_text(encoding="utf-8"))
    if "://" in lock:
        raise SystemExit("package-lock.json holds an address; see omit-lockfile-registry-resolved in .npmrc")
    (web / "package-lock.json").write_text(lock, encoding="utf-8")
    packages = lock.count('"integrity"')
    print(f"web/package-lock.json: {packages} packages")


def without_funding(lock: str) -> str:
    """A package-lock.json without the pages where its packages ask for money: npm does not need them."""
    document = json.loads(lock)
    for package in document["packages"].values():
        package.pop("funding", None)
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def main() -> None:
    for name in LOCKS:
        resolve(name)
    resolve_web()


if __name__ == "__main__":
    main()
