"""What an examination of a machine found, and how to mend it: the words of `unqueue doctor`.

Each room keeps its own checks. A check looks, changes nothing, takes a few seconds at most, and answers with findings.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Literal

import msgspec

Level = Literal["ok", "warning", "failed"]


class Finding(msgspec.Struct, frozen=True):
    """One thing that was looked at. `mend` says what to do, and is empty where all is well."""

    about: str
    level: Level
    found: str
    mend: str = ""

    def __str__(self) -> str:
        mark = {"ok": "✓", "warning": "!", "failed": "✗"}[self.level]
        return f"{mark} {self.about}: {self.found}" + (f" → {self.mend}" if self.mend else "")


class Check(msgspec.Struct, frozen=True):
    """A question that can be asked of this machine; `about` is what it is called when it breaks off."""

    about: str
    look: Callable[[], Iterable[Finding]]


def ok(about: str, found: str) -> Finding:
    return Finding(about, "ok", found)


def warning(about: str, found: str, mend: str) -> Finding:
    """Works now, but will hurt somebody one day."""
    return Finding(about, "warning", found, mend)


def failed(about: str, found: str, mend: str) -> Finding:
    """Does not work."""
    return Finding(about, "failed", found, mend)


def examine(checks: Iterable[Check]) -> Iterator[Finding]:
    """Ask every check in turn. One that breaks off is a finding itself, and the others are still asked.

    >>> checks = [Check("lamp", lambda: [ok("lamp", "shines")]), Check("x", lambda: 1 / 0)]
    >>> [str(finding) for finding in examine(checks)]
    ['✓ lamp: shines', '✗ x: could not be checked (ZeroDivisionError: division by zero) → Please report this.']
    """
    for check in checks:
        try:
            yield from check.look()
        except Exception as error:  # noqa: BLE001  # whatever it is, it is news for the person who asked
            found = f"could not be checked ({type(error).__name__}: {error})"
            yield failed(check.about, found, "Please report this.")


def is_healthy(findings: Iterable[Finding]) -> bool:
    """Whether nothing failed; warnings do not count."""
    return all(finding.level != "failed" for finding in findings)
