"""Rules from a JSON file. What can't be used is told with the rule, the field, what is wrong and how to mend it."""

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, get_args

import msgspec

from unqueue.server.promotions.entries import EntriesInvalid, Problem, Sort
from unqueue.server.promotions.rules import Rule

RULES = Sort(
    "rule",
    {str(kind.__struct_config__.tag): kind for kind in get_args(Rule)},
    "docs/guides/promotions.md shows every kind",
)


class PromotionsInvalid(EntriesInvalid):
    """Nothing of the file was used. Details: ``problem`` for people, ``problems`` one by one."""

    code: ClassVar[str] = "promotions_invalid"
    status: ClassVar[int] = 422
    zh: ClassVar[str] = "促销规则有误，没有导入：{problem}"
    en: ClassVar[str] = "The promotions can't be used, so none was imported: {problem}"


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
        found = RULES.problems(number, entry)
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
    problems = RULES.twice(rule.id for rule in rules)
    currencies = Counter(rule.currency for rule in rules).most_common()
    if len(currencies) > 1:
        usual = currencies[0][0]
        problems += [
            Problem(rule.id, "currency", f"{rule.currency}, where other rules have {usual}", f"Write {usual}")
            for rule in rules
            if rule.currency != usual
        ]
    return problems


def _place(data: bytes, message: str) -> str:
    """Line and column of a JSON error."""
    found = re.search(r"byte (\d+)", message)
    before = data[: int(found[1])] if found else data
    return f"line {before.count(_NEW_LINE) + 1}, column {len(before) - before.rfind(_NEW_LINE)}"


_NEW_LINE = b"\n"
