"""Reads tables into structs, keeps every complaint with its place, and lets the environment override."""

import difflib
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec
from msgspec import inspect

from unqueue.kernel.toml_lines import Key

PREFIX = "UNQUEUE_"
SEPARATOR = "__"
_WORDS = {
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    Path: "a path as text",
    list: "a list",
    dict: "a table",
}
_SAMPLES = {str: '"…"', int: "1", float: "1.0", bool: "true", Path: '"/path/to/file"', list: "[ … ]"}


class Complaint(msgspec.Struct, frozen=True):
    """What is wrong at one place: `where` is `file:line` or an environment variable, `key` the dotted key."""

    where: str
    key: str
    what: str
    mend: str
    line: int = 0

    def __str__(self) -> str:
        subject = f"{self.key}: " if self.key else ""
        return f"{self.where}: {subject}{self.what}. {self.mend}"


class Reader:
    """Collects complaints in `complaints`; what it returns is of use only while there are none."""

    def __init__(self, source: str, lines: Mapping[Key, int], base: Path) -> None:
        self.complaints: list[Complaint] = []
        self.variables: dict[Key, str] = {}
        self._source = source
        self._lines = lines
        self._base = base

    def section(self, kind: type[msgspec.Struct], table: object, at: Key) -> msgspec.Struct | None:
        """A struct from a table; None where the table can't be one."""
        if not isinstance(table, dict):
            self.complain(at, f"expected a table, found {_found(table)}", f"Write it as [{dotted(at)}] with its keys.")
            return None
        fields = {field.name: field for field in msgspec.structs.fields(kind)}
        for name in table:
            if name not in fields:
                self.complain((*at, name), "there is no such setting", _instead(str(name), fields))
        values: dict[str, Any] = {}
        before = len(self.complaints)
        for name, field in fields.items():
            if name in table:
                values[name] = self._value(field.type, table[name], (*at, name))
            elif field.required:
                self.complain((*at, name), "is missing", f"Add {_example(name, field.type)}.")
        return kind(**values) if len(self.complaints) == before else None

    def complain(self, at: Key, what: str, mend: str) -> None:
        where, line = self._where(at)
        self.complaints.append(Complaint(where, dotted(at), what, mend, line))
        self.complaints.sort(key=lambda complaint: complaint.line)

    def _value(self, annotation: Any, value: object, at: Key) -> Any:
        kind = bare(annotation)
        if _is_section(kind):
            return self.section(kind, value, at)
        if get_origin(kind) is list and isinstance(value, list):
            (item,) = get_args(kind)
            return [self._value(item, element, (*at, index)) for index, element in enumerate(value)]
        if get_origin(kind) is dict and isinstance(value, dict):
            item = get_args(kind)[1]
            return {name: self._value(item, element, (*at, name)) for name, element in value.items()}
        try:
            return msgspec.convert(value, annotation, dec_hook=self._path)
        except msgspec.ValidationError:
            what = f"expected {_expected(annotation)}, found {_found(value)}"
            self.complain(at, what, f"Write {_example(str(at[-1]), annotation)}.")
            return None

    def _path(self, kind: type, value: object) -> Any:
        if kind is not Path or not isinstance(value, str) or not value:
            raise TypeError
        return self._base / Path(value).expanduser()

    def _where(self, at: Key) -> tuple[str, int]:
        for length in range(len(at), 0, -1):
            if variable := self.variables.get(at[:length]):
                return variable, 0
            if line := self._lines.get(at[:length]):
                return f"{self._source}:{line}", line
        return self._source, 0


def place_environment(
    reader: Reader, kind: type[msgspec.Struct], table: dict[str, Any], environ: Mapping[str, str]
) -> None:
    """Put the values of `UNQUEUE_<TABLE>__<KEY>` variables into `table`.

    Variables without a double underscore are left alone: they may be others' (Kubernetes sets UNQUEUE_PORT in every
    container beside a service of this name).
    """
    for variable, text in sorted(environ.items()):
        if not variable.startswith(PREFIX) or SEPARATOR not in variable:
            continue
        names = variable.removeprefix(PREFIX).lower().split(SEPARATOR)
        at: Key = tuple(int(name) if name.isdigit() else name for name in names)
        reader.variables[at] = variable
        annotation = _annotation(kind, at)
        if annotation is None or not _put(table, at, _parsed(annotation, text)):
            reader.complain(at, "there is no such setting", "Look in unqueue.toml.example for the right name.")


def dotted(at: Key) -> str:
    """The key as a person writes it.

    >>> dotted(("payments", "providers", 0, "url"))
    'payments.providers[0].url'
    """
    words = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in at)
    return words.removeprefix(".")


def bare(annotation: Any) -> Any:
    """The type inside `Annotated[…]` and `… | None`."""
    while True:
        if get_origin(annotation) is Annotated:
            annotation = get_args(annotation)[0]
        elif get_origin(annotation) in {Union, UnionType}:
            annotation = next(part for part in get_args(annotation) if part is not type(None))
        else:
            return annotation


def _is_section(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def _annotation(kind: type[msgspec.Struct], at: Key) -> Any:
    """The declared type of the setting at a place; None where there is none."""
    annotation: Any = kind
    for part in at:
        inner = bare(annotation)
        if _is_section(inner):
            annotation = next((field.type for field in msgspec.structs.fields(inner) if field.name == part), None)
        elif (get_origin(inner) is list and isinstance(part, int)) or get_origin(inner) is dict:
            annotation = get_args(inner)[-1]
        else:
            return None
    return annotation


def _put(table: Any, at: Key, value: object) -> bool:
    """Set a nested value, making tables on the way; an array takes an existing position or the next one."""
    for part, following in zip(at, [*at[1:], None], strict=True):
        last = following is None
        fresh: Any = value if last else ([] if isinstance(following, int) else {})
        if isinstance(table, dict):
            name = str(part)
            table[name] = value if last else table.get(name, fresh)
            table = table[name]
        elif isinstance(table, list) and isinstance(part, int) and part <= len(table):
            if part == len(table):
                table.append(fresh)
            elif last:
                table[part] = value
            table = table[part]
        else:
            return False
    return True


def _parsed(annotation: Any, text: str) -> object:
    """Text of a variable: as it stands where text is wanted, else read as a TOML value."""
    kind = bare(annotation)
    if kind in {str, Path} or get_origin(kind) is Literal:
        return text
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _expected(annotation: Any) -> str:
    """A type in words: its own description, else the name of its kind."""
    if said := _schema(annotation).get("description"):
        return str(said)
    kind = bare(annotation)
    if get_origin(kind) is Literal:
        return " or ".join(f'"{value}"' for value in get_args(kind))
    return _WORDS.get(get_origin(kind) or kind, "another type")


def _schema(annotation: Any) -> dict[str, Any]:
    info = inspect.type_info(annotation)
    return (info.extra_json_schema or {}) if isinstance(info, inspect.Metadata) else {}


def _found(value: object) -> str:
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else str(value)


def _example(name: str, annotation: Any) -> str:
    """A line that would do."""
    kind = bare(annotation)
    examples = _schema(annotation).get("examples", get_args(kind) if get_origin(kind) is Literal else ())
    if examples:
        return " or ".join(f"{name} = " + (f'"{one}"' if isinstance(one, str) else str(one)) for one in examples)
    sample = _SAMPLES.get(get_origin(kind) or kind)
    return f"{name} = {sample}" if sample else f"a table {name}, as in unqueue.toml.example"


def _instead(name: str, known: Iterable[str]) -> str:
    known = list(known)
    if near := difflib.get_close_matches(name, known, n=1):
        return f"Did you mean {near[0]}?"
    return f"Known here: {', '.join(known)}."
