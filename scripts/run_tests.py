"""Run the tests: all side by side, and then, alone, the few that a busy machine may have upset.

Hundreds of our tests speak with other processes by the clock: a scale that must answer within 200 ms, a browser, a
server that is killed. Side by side on two cores one of them can wait longer than it allows, and says nothing about our
code by that. So when at most `SECOND_LOOKS_MAX` such tests failed, each runs once more with the machine to itself, and
that decides. Nothing is hidden: the first failure stays in the output, and the tests are named again at the end.

What fails without a clock gets no second look: models, properties and seeded simulations that found something once have
found it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SECOND_LOOKS_MAX = 8
BY_THE_CLOCK = tuple(
    f"tests/{room}/"
    for room in ("bench", "commands", "contracts", "devices", "journeys", "kiosk", "lane", "providers", "server")
)
"""Rooms whose tests wait for other processes."""


class Failures:
    """A pytest plugin that notes which tests failed, and which of them by chance found something."""

    def __init__(self) -> None:
        self.tests: set[str] = set()
        self.found: set[str] = set()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.tests.add(report.nodeid)
            if "hypothesis" in report.keywords:
                self.found.add(report.nodeid)


def second_looks(failures: Failures) -> list[str]:
    """The tests to run once more, or none where one of the failures or their number speaks against it."""
    by_the_clock = all(test.startswith(BY_THE_CLOCK) for test in failures.tests)
    if failures.found or not by_the_clock or len(failures.tests) > SECOND_LOOKS_MAX:
        return []
    return sorted(failures.tests)


def main(arguments: list[str]) -> int:
    """Pytest's exit status: of the first run, or of the second look where there was one."""
    os.chdir(ROOT)
    failures = Failures()
    status = pytest.main(["--numprocesses", "auto", "--dist", "loadfile", *arguments], plugins=[failures])
    again = second_looks(failures) if status == pytest.ExitCode.TESTS_FAILED else []
    if not again:
        return status
    print(f"\nA second look, alone on the machine, at {len(again)}:", *again, sep="\n  ", flush=True)
    return subprocess.run([sys.executable, "-m", "pytest", *again], cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
