"""Rules and coupons as people write them, object by object: what is wrong where, and how to mend it."""

import difflib
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from types import UnionType
from typing import Any, Union, get_args, get_origin

import msgspec
from msgspec import inspect

from unqueue.kernel.errors import DomainError
from unqueue.kernel.settings_reading import bare

_SHOWN_MAX = 20  # problems that the error's text lists; all are in its details


class Problem(msgspec.Struct, frozen=True):
    """What is wrong at one place. ``rule`` is the rule's or coupon's id, or its place in the file as ``#3``."""

    rule: str
    field: str
    what: str
    mend: str

    def __str__(self) -> str:
        place = f"{self.rule}, {self.field}" if self.field else self.rule
        return f"{place}: {self.what}. {self.mend}."


class EntriesInvalid(DomainError):
    """Nothing of a file was used. Details: ``problem`` for people, ``problems`` one by one."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        shown = "\n".join(map(str, problems[:_SHOWN_MAX]))
        if len(problems) > _SHOWN_MAX:
            shown += f"\n… and {len(problems) - _SHOWN_MAX} more"
        super().__init__(problem=shown, problems=[msgspec.structs.asdict(problem) for problem in problems])


class Sort(msgspec.Struct, frozen=True):
    """What a file holds: rules or coupons (``noun``), by their ``kind``; ``guide`` says where every kind is shown."""

    noun: str
    kinds: Mapping[str, type[msgspec.Struct]]
    guide: str

    def problems(self, number: int, entry: Any, *, strict: bool = True) -> list[Problem]:
        """What is wrong with one entry, field by field; ``strict``: a text is no number, as in JSON."""
        name = f"#{number}"
        if not isinstance(entry, dict):
            return [Problem(name, "", "not an object", f"Put the {self.noun}'s fields between {{ and }}")]
        if isinstance(entry.get("id"), str) and entry["id"]:
            name = entry["id"]
        kind = self.kinds.get(entry["kind"]) if isinstance(entry.get("kind"), str) else None
        if kind is None:
            instead = _instead(str(entry.get("kind", "")), self.kinds)
            return [Problem(name, "kind", f"no such kind of {self.noun}", instead)]
        fields = {field.name: field for field in msgspec.structs.fields(kind)}
        problems = [
            Problem(name, given, "there is no such field", _instead(given, fields))
            for given in entry
            if given not in fields and given != "kind"
        ]
        for field in fields.values():
            if field.name in entry:
                problems += self._of_field(name, field.name, field.type, entry[field.name], strict=strict)
            elif field.required:
                problems.append(Problem(name, field.name, "is missing", f"Add it: {self._wanted(field.type)}"))
        if problems:
            return problems
        try:
            msgspec.convert(entry, kind, strict=strict)
        except msgspec.ValidationError as error:
            what, _, mend = str(error).partition(" - at `$")[0].partition(": ")
            field_name = next((word for word in re.findall(r"\w+", str(error)) if word in fields), "")
            return [Problem(name, field_name, what, _sentence(mend) or f"Look it up: {self.guide}")]
        return []

    def twice(self, ids: Iterable[str]) -> list[Problem]:
        """Ids that come more than once."""
        return [
            Problem(one, "id", f"{count} {self.noun}s have this id", "Give each its own")
            for one, count in Counter(ids).items()
            if count > 1
        ]

    def _of_field(self, name: str, field: str, annotation: Any, value: Any, *, strict: bool) -> list[Problem]:
        """The words of msgspec, ours for how to mend it where the rule brings some after a colon."""
        try:
            msgspec.convert(value, annotation, strict=strict)
        except msgspec.ValidationError as error:
            text, _, inner = str(error).partition(" - at `$")
            path = inner.removesuffix("`")
            what, _, mend = text.partition(": ")
            mend = _sentence(mend) or f"Write {self._wanted(_annotation_at(annotation, path))}"
            return [Problem(name, field + path, what, mend)]
        return []

    def _wanted(self, annotation: Any) -> str:
        """A type in words: its own description with an example, else the name of its kind."""
        if get_origin(annotation) in {Union, UnionType}:
            annotation = next(part for part in get_args(annotation) if part is not type(None))
        info = inspect.type_info(annotation)
        if isinstance(info, inspect.Metadata):
            schema = info.extra_json_schema or {}
            example = msgspec.json.encode(schema["examples"][0]).decode() if schema.get("examples") else ""
            return str(schema.get("description", "")) + (f", as in {example}" if example else "")
        inner = bare(annotation)
        if isinstance(inner, type) and issubclass(inner, msgspec.Struct):
            return f"an object with {', '.join(inner.__struct_fields__)}; {self.guide}"
        return _WORDS.get(get_origin(inner) or inner, f"a value that fits; {self.guide}")


def _annotation_at(annotation: Any, path: str) -> Any:
    """The declared type at a path such as ``[0].on.gtins``."""
    for part in re.findall(r"\w+|\[[^\]]*\]|\.\.\.", path):
        inner = bare(annotation)
        if part.startswith(("[", "...")):
            annotation = get_args(inner)[0] if get_args(inner) else Any
        elif isinstance(inner, type) and issubclass(inner, msgspec.Struct):
            known = {field.name: field.type for field in msgspec.structs.fields(inner)}
            annotation = known.get(part, Any)
    return annotation


def _instead(name: str, known: Iterable[str]) -> str:
    known = list(known)
    if near := difflib.get_close_matches(name, known, n=1):
        return f"Perhaps {near[0]} is meant"
    return f"Known here: {', '.join(known)}"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


_WORDS = {
    str: "text", int: "a whole number", bool: "true or false", tuple: "a list", list: "a list",
    date: 'a day, as in "2026-06-30"',
}  # fmt: skip
