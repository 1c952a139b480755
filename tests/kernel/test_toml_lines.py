"""The scanner finds every key that the standard library's reader finds, on the line where it was written."""

import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unqueue.kernel.toml_lines import Key, key_lines


@pytest.mark.parametrize(
    ("text", "key", "line"),
    [
        ("a = 1", ("a",), 1),
        ("# a = 0\n\na = 1", ("a",), 3),
        ("[t]\n\nb = 1", ("t", "b"), 3),
        ("[t.u]\nb = 1", ("t", "u"), 1),
        ("a.b.c = 1", ("a", "b", "c"), 1),
        ('"a.b" = 1\n[ "x y" . z ]\nk = 2', ("x y", "z", "k"), 3),
        ("[[t]]\na = 1\n[[t]]\n\na = 2", ("t", 1, "a"), 5),
        ("[[t]]\n[t.sub]\na = 1\n[[t]]\n[t.sub]\na = 2", ("t", 1, "sub", "a"), 6),
        ("[[t]]\n[[t.u]]\n[[t]]\n[[t.u]]\n[[t.u]]\na = 1", ("t", 1, "u", 1, "a"), 6),
        ("a = [\n  1,\n  2, # two ]\n  3,\n]\nb = 1", ("a", 2), 4),
        ("a = [\n  1,\n  2, # two ]\n  3,\n]\nb = 1", ("b",), 6),
        ("a = [{ b = 1 },\n { b = 2 }]", ("a", 1, "b"), 2),
        ("a = { b = { c = 1 } }", ("a", "b", "c"), 1),
        ('a = """\n[t]\nb = 1\n\\"""""\nc = 1', ("c",), 5),
        ("a = '''\nb = 1'''''\nc = 1", ("c",), 3),
        ('a = "# [ \\" {"\nb = 1', ("b",), 2),
        ("a = 1979-05-27 07:32:00 # now\nb = 1", ("b",), 2),
        ("a = 1\r\n\r\nb = 2\r\n", ("b",), 3),
    ],
)
def test_a_key_stands_on_its_line(text: str, key: Key, line: int) -> None:
    tomllib.loads(text)
    assert key_lines(text)[key] == line


_names = st.text("ab-_1", min_size=1, max_size=3) | st.text(min_size=1, max_size=3)
_leaves = st.integers() | st.booleans() | st.text(max_size=8) | st.floats(allow_nan=False, allow_infinity=False)
_tables = st.recursive(
    st.dictionaries(_names, _leaves, max_size=3),
    lambda inner: st.dictionaries(_names, _leaves | inner | st.lists(inner, min_size=1, max_size=3), max_size=3),
    max_leaves=12,
)


def _quote(text: str) -> str:
    """A basic string (TOML 1.0.0), every character that could matter escaped."""
    plain = "abcdefghijklmnopqrstuvwxyz0123456789#[]{}=.,' "
    return '"' + "".join(one if one in plain else f"\\U{ord(one):08x}" for one in text) + '"'


def _scalar(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return _quote(value)
    return repr(value)


def _write(table: dict[str, Any], at: str, *, blank: int) -> Iterator[str]:
    """The document's lines, each key on its own one; `blank` lines of comment before each."""
    nested = {name: value for name, value in table.items() if isinstance(value, dict | list)}
    for name, value in table.items():
        if name not in nested:
            yield from ["# [x] = {"] * blank
            yield f"{_quote(name)} = {_scalar(value)}"
    for name, value in nested.items():
        path = f"{at}.{_quote(name)}" if at else _quote(name)
        for element in value if isinstance(value, list) else [value]:
            yield f"[[{path}]]" if isinstance(value, list) else f"[{path}]"
            yield from _write(element, path, blank=blank)


def _leaf_keys(value: object, at: Key = ()) -> Iterator[Key]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _leaf_keys(inner, (*at, name))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _leaf_keys(inner, (*at, index))
    else:
        yield at


@given(_tables, st.integers(0, 2))
def test_every_key_of_any_document_has_its_line(table: dict[str, Any], blank: int) -> None:
    lines = list(_write(table, "", blank=blank))
    text = "\n".join(lines)
    found = key_lines(text)
    for key in _leaf_keys(tomllib.loads(text)):
        assert lines[found[key] - 1].startswith(_quote(str(key[-1])) + " = ")
