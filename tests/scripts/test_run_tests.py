"""A second look for tests that a busy machine upset; none for what was found."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import run_tests

CLOCK = "tests/journeys/test_walk.py::test_a"
MODEL = "tests/kernel/test_money.py::test_b"


@pytest.mark.parametrize(
    ("tests", "found", "again"),
    [
        ([], [], []),
        ([CLOCK], [], [CLOCK]),
        ([MODEL], [], []),
        ([CLOCK, MODEL], [], []),
        ([CLOCK], [CLOCK], []),
        ([f"{CLOCK}{number}" for number in range(run_tests.SECOND_LOOKS_MAX + 1)], [], []),
    ],
)
def test_who_is_looked_at_again(tests: list[str], found: list[str], again: list[str]) -> None:
    failures = run_tests.Failures()
    failures.tests |= set(tests)
    failures.found |= set(found)
    assert run_tests.second_looks(failures) == again


PROPERTY = """
from hypothesis import given, strategies as st

@given(st.integers())
def test_found(number):
    assert number < 3
"""

BUSY = """
import pathlib

def test_busy():
    seen = pathlib.Path(__file__).with_suffix(".seen")
    if not seen.exists():
        seen.touch()
        raise AssertionError("the machine was busy")

def test_fine():
    pass

def test_broken():
    assert {broken} is False
"""


@pytest.mark.parametrize(
    ("source", "status", "seen_alone"),
    [
        (BUSY.format(broken=False), 0, ["1 failed, 2 passed", "1 passed"]),
        (BUSY.format(broken=True), 1, ["2 failed, 1 passed", "1 failed, 1 passed"]),
        (PROPERTY, 1, ["1 failed"]),
    ],
    ids=["busy", "broken", "found"],
)
def test_the_second_look_decides(tmp_path: Path, source: str, status: int, seen_alone: list[str]) -> None:
    (tmp_path / "scripts").mkdir()
    copy = shutil.copy(run_tests.__file__, tmp_path / "scripts")
    room = tmp_path / "tests" / "lane"
    room.mkdir(parents=True)
    (room / "test_it.py").write_text(source, encoding="utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    ran = subprocess.run([sys.executable, copy], capture_output=True, text=True, check=False)
    assert ran.returncode == status, ran.stdout
    closing = [line for line in ran.stdout.splitlines() if re.search(r"(passed|failed).* in ", line)]
    assert [re.sub(r"[= ]*(.*?) in .*", r"\1", line) for line in closing] == seen_alone
