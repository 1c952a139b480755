"""Rules from a JSON file. What can't be used is told with the rule, the field, what is wrong and how to mend it."""

import difflib
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, ClassVar, Union, get_args, get_origin

import msgspec
from msgspec import inspect

from unqueue.kernel.errors import DomainError
from unqueue.server.promotions.rules import Promotion, Rule

_SHOWN_MAX = 20  # problems that the error's text lists; all are in its details
_GUIDE = "docs/guides/promotions.md shows every kind"


class Problem(msgspec.Struct, frozen=True):
    """What is wrong at one place. ``rule`` is the rule's id, or its place in the file as ``#3``."""

    rule: str
    field: str
    what: str
    mend: str

    def __str__(self) -> str:
        place = f"{self.rule}, {self.field}" if self.field else self.rule
        return f"{place}: {self.what}. {self.mend}."


class PromotionsInvalid(DomainError):
    """Nothing of the file was used. Details: ``problem`` for people, ``problems`` one by one."""

    code: ClassVar[str] = "promotions_invalid"
    status: ClassVar[int] = 422
    zh: ClassVar[str] = "促销规则有误，没有导入：{problem}"
    en: ClassVar[str] = "The promotions can't be used, so none was imported: {problem}"

    def __init__(self, problems: Sequence[Problem]) -> None:
        shown = "\n".join(map(str, problems[:_SHOWN_MAX]))
        if len(problems) > _SHOWN_MAX:
            shown += f"\n… and {len(problems) - _SHOWN_MAX} more"
        super().__init__(problem=shown, problems=[msgspec.structs.asdict(problem) for problem in problems])


def load_rules(file: Path) -> list[Rule]:
    """The rules of a JSON file: a list of objects. PromotionsInvalid names everything that can't be used."""
    try:
        data = file.read_bytes()
    except OSError as error:
        raise PromotionsInvalid([Problem(str(file), "", str(error), "Give the path of a file of rules")]) from error
    return read_rules(data)


def read_rules(data: bytes) -> list[Rule]:
    """The rules of a JSON text, likewise."""
    try:
        entries = msgspec.json.decode(data)
    except msgspec.DecodeError as error:
        place = _place(data, str(error))
        raise PromotionsInvalid([Problem(place, "", f"not JSON: {error}", "Mend the JSON there")]) from error
    if not isinstance(entries, list):
        raise PromotionsInvalid([Problem("the file", "", "not a list", "Put the rules between [ and ]")])
    rules: list[Rule] = []
    problems: list[Problem] = []
    for number, entry in enumerate(entries, 1):
        found = _problems(number, entry)
        if found:
            problems += found
        else:
            rules.append(msgspec.convert(entry, Rule))
    problems += check_together(rules)
    if problems:
        raise PromotionsInvalid(problems)
    return rules


def check_together(rules: Sequence[Rule]) -> list[Problem]:
    """What is wrong with rules that are right one by one: ids that come twice, several currencies."""
    counts = Counter(rule.id for rule in rules)
    problems = [
        Problem(rule_id, "id", f"{count} rules have this id", "Give each its own")
        for rule_id, count in counts.items()
        if count > 1
    ]
    currencies = Counter(rule.currency for rule in rules).most_common()
    if len(currencies) > 1:
        usual = currencies[0][0]
        problems += [
            Problem(rule.id, "currency", f"{rule.currency}, where other rules have {usual}", f"Write {usual}")
            for rule in rules
            if rule.currency != usual
        ]
    return problems


def _problems(number: int, entry: Any) -> list[Problem]:
    """What is wrong with one rule, field by field."""
    name = f"#{number}"
    if not isinstance(entry, dict):
        return [Problem(name, "", "not an object", "Put the rule's fields between { and }")]
    if isinstance(entry.get("id"), str) and entry["id"]:
        name = entry["id"]
    kind = _KINDS.get(entry["kind"]) if isinstance(entry.get("kind"), str) else None
    if kind is None:
        return [Problem(name, "kind", "no such kind of rule", _instead(str(entry.get("kind", "")), _KINDS))]
    fields = {field.name: field for field in msgspec.structs.fields(kind)}
    problems = [
        Problem(name, given, "there is no such field", _instead(given, fields))
        for given in entry
        if given not in fields and given != "kind"
    ]
    for field in fields.values():
        if field.name in entry:
            problems += _field_problems(name, field.name, field.type, entry[field.name])
        elif field.required:
            problems.append(Problem(name, field.name, "is missing", f"Add it: {_wanted(field.type)}"))
    if problems:
        return problems
    try:
        msgspec.convert(entry, kind)
    except msgspec.ValidationError as error:
        what, _, mend = str(error).partition(" - at `$")[0].partition(": ")
        field_name = next((word for word in re.findall(r"\w+", what) if word in fields), "")
        return [Problem(name, field_name, what, _sentence(mend))]
    return []


def _field_problems(name: str, field: str, annotation: Any, value: Any) -> list[Problem]:
    try:
        msgspec.convert(value, annotation)
    except msgspec.ValidationError as error:
        text, _, inner = str(error).partition(" - at `$")
        path = inner.removesuffix("`")
        what, _, mend = text.partition(": ")
        if not mend:
            mend = f"Write {_wanted(_annotation_at(annotation, path))}"
        return [Problem(name, field + path, what, _sentence(mend))]
    return []


def _annotation_at(annotation: Any, path: str) -> Any:
    """The declared type at a path such as ``[0].on.gtins``."""
    for part in re.findall(r"\w+|\[[^\]]*\]|\.\.\.", path):
        inner = _bare(annotation)
        if part.startswith(("[", "...")):
            annotation = get_args(inner)[0] if get_args(inner) else Any
        elif isinstance(inner, type) and issubclass(inner, msgspec.Struct):
            known = {field.name: field.type for field in msgspec.structs.fields(inner)}
            annotation = known.get(part, Any)
    return annotation


def _bare(annotation: Any) -> Any:
    """The type inside ``Annotated[…]`` and ``… | None``."""
    while True:
        if get_origin(annotation) is Annotated:
            annotation = get_args(annotation)[0]
        elif get_origin(annotation) in {Union, UnionType}:
            annotation = next(part for part in get_args(annotation) if part is not type(None))
        else:
            return annotation


def _wanted(annotation: Any) -> str:
    """A type in words: its own description with an example, else the name of its kind."""
    if get_origin(annotation) in {Union, UnionType}:
        annotation = next(part for part in get_args(annotation) if part is not type(None))
    info = inspect.type_info(annotation)
    if isinstance(info, inspect.Metadata):
        schema = info.extra_json_schema or {}
        example = msgspec.json.encode(schema["examples"][0]).decode() if schema.get("examples") else ""
        return str(schema.get("description", "")) + (f", as in {example}" if example else "")
    inner = _bare(annotation)
    if isinstance(inner, type) and issubclass(inner, msgspec.Struct):
        return f"an object with {', '.join(inner.__struct_fields__)}; {_GUIDE}"
    return _WORDS.get(get_origin(inner) or inner, f"a value that fits; {_GUIDE}")


def _instead(name: str, known: Iterable[str]) -> str:
    known = list(known)
    if near := difflib.get_close_matches(name, known, n=1):
        return f"Perhaps {near[0]} is meant"
    return f"Known here: {', '.join(known)}"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] if text else f"Look it up: {_GUIDE}"


def _place(data: bytes, message: str) -> str:
    """Line and column of a JSON error."""
    found = re.search(r"byte (\d+)", message)
    before = data[: int(found[1])] if found else data
    return f"line {before.count(_NEW_LINE) + 1}, column {len(before) - before.rfind(_NEW_LINE)}"


_NEW_LINE = b"\n"
_WORDS = {str: "text", int: "a whole number", bool: "true or false", tuple: "a list", list: "a list"}
_KINDS: dict[str, type[Promotion]] = {str(kind.__struct_config__.tag): kind for kind in get_args(Rule)}
