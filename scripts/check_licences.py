"""Check that everything we ship or depend on has a licence that goes with Apache-2.0: no GPL, nothing unknown.

Looks at the Python packages of requirements/runtime.txt and of the optional dependencies, as their installed metadata
say, and at the packages of web/package-lock.json from which the screens are built.
"""

import importlib.metadata
import json
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# SPDX identifiers that ask for no more than their notice (MPL-2.0: for changes to its own files).
FREE = {
    "0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "BlueOak-1.0.0", "CC0-1.0", "ISC", "MIT", "MIT-0", "MIT-CMU",
    "MPL-2.0", "PSF-2.0", "Unlicense", "Zlib",
}  # fmt: skip
# What packages without an SPDX expression write instead.
WORDS = {
    "Apache Software License": "Apache-2.0",
    "BSD": "BSD-3-Clause",
    "BSD License": "BSD-3-Clause",
    "ISC License": "ISC",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
}
# Decided one by one: package → (licence, why it is fine).
DECIDED = {
    "qrcode": ("BSD-3-Clause", "a second classifier calls it proprietary; its LICENSE file is BSD-3-Clause"),
    "psycopg": ("LGPL-3.0-only", "optional, used unchanged as a library, replaceable by the user"),
    "psycopg-binary": ("LGPL-3.0-only", "as psycopg"),
}
# Not installed here, because they serve another system: package → licence, as its published metadata say.
ELSEWHERE = {"colorama": "BSD-3-Clause", "pywin32": "PSF-2.0"}


def python_packages() -> list[str]:
    """The names in the runtime lock, and those that the optional dependencies add."""
    lock = (ROOT / "requirements" / "runtime.txt").read_text(encoding="utf-8")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    optional = {"psycopg": ["psycopg", "psycopg-binary"]}
    named = [re.split(r"[\[<>=; ]", line)[0] for lines in project["optional-dependencies"].values() for line in lines]
    return re.findall(r"^([a-z0-9._-]+)==", lock, re.MULTILINE) + [
        package for name in named for package in optional.get(name, [name])
    ]


def python_licence(package: str) -> str:
    """An SPDX expression, from the expression, the licence field or the classifiers of the installed package."""
    if package in DECIDED:
        return DECIDED[package][0]
    try:
        metadata = importlib.metadata.metadata(package)
    except importlib.metadata.PackageNotFoundError:
        return ELSEWHERE.get(package, "not installed")
    if "License-Expression" in metadata:
        return metadata["License-Expression"]
    classifiers = [
        words.rpartition(" :: ")[2] for words in metadata.get_all("Classifier") or [] if words.startswith("License ::")
    ]
    field = metadata["License"].splitlines()[:1] if "License" in metadata else []  # some hold the whole text
    stated = classifiers or field or ["unknown"]
    return " AND ".join(WORDS.get(one, one) for one in stated)


def web_licences() -> Iterator[tuple[str, str]]:
    lock = json.loads((ROOT / "web" / "package-lock.json").read_text(encoding="utf-8"))
    for path, package in lock["packages"].items():
        if path and not package.get("dev"):
            yield path.rpartition("node_modules/")[2], package.get("license", "unknown")


def is_free(expression: str) -> bool:
    """Whether an SPDX expression lets us: every part of an AND, one part of an OR."""
    terms = expression.replace("(", " ").replace(")", " ")
    return all(any(one.strip() in FREE for one in part.split(" OR ")) for part in terms.split(" AND "))


def main() -> int:
    found = [(package, python_licence(package)) for package in python_packages()] + list(web_licences())
    refused = [(name, licence) for name, licence in found if name not in DECIDED and not is_free(licence)]
    for name, licence in refused:
        print(f"{name}: licence {licence}: not on the list in scripts/check_licences.py")
    if not refused:
        print(f"Licences of {len(found)} packages: all free to combine with Apache-2.0")
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main())
