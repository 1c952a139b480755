"""Which licences pass."""

import check_licences
import pytest


@pytest.mark.parametrize(
    ("expression", "is_free"),
    [
        ("MIT", True),
        ("Apache-2.0 OR BSD-3-Clause", True),
        ("GPL-3.0-only OR MIT", True),
        ("MIT AND BSD-2-Clause", True),
        ("(MIT OR GPL-3.0-only) AND ISC", True),
        ("GPL-3.0-only", False),
        ("GPL-2.0-or-later", False),
        ("AGPL-3.0-only", False),
        ("MIT AND GPL-3.0-only", False),
        ("LGPL-3.0-only", False),
        ("unknown", False),
        ("not installed", False),
        ("Proprietary", False),
        ("", False),
    ],
)
def test_an_expression(expression: str, is_free: bool) -> None:
    assert check_licences.is_free(expression) is is_free


def test_everything_that_is_locked_passes() -> None:
    assert check_licences.main() == 0


def test_a_package_without_licence_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(check_licences, "web_licences", lambda: iter([("left-pad", "GPL-3.0-only")]))
    assert check_licences.main() == 1
    assert "left-pad: licence GPL-3.0-only" in capsys.readouterr().out


def test_the_lock_is_read_whole() -> None:
    names = check_licences.python_packages()
    assert {"litestar", "msgspec", "uvicorn", "psycopg", "psycopg-binary"} <= set(names)
