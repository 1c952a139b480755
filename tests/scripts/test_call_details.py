"""What lanes and the server write of a call stands in the console's table, which says it in both languages."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
MAKERS = [
    *sorted((REPOSITORY / "src/unqueue/lane/sequence").glob("*.py")),
    REPOSITORY / "src/unqueue/kiosk/sequence/__init__.py",
    REPOSITORY / "src/unqueue/lane/alone.py",
    REPOSITORY / "src/unqueue/server/exits/offline.py",
]
SAMPLES = {"name": ["scale"], "what": ["order 123456789", "the order of exit ab12"]}
"""What stands for a part of a detail that is not a number or a name of any kind."""


def texts(node: ast.expr) -> list[str]:
    """What an expression may come to; nothing where it is no text that is written there."""
    if isinstance(node, ast.Constant):
        return [node.value] if isinstance(node.value, str) else []
    if isinstance(node, ast.IfExp):
        return [*texts(node.body), *texts(node.orelse)]
    if not isinstance(node, ast.JoinedStr):
        return []
    found = [""]
    for part in node.values:
        value = part.value if isinstance(part, ast.FormattedValue) else part
        more = texts(part) if value is part else SAMPLES.get(ast.unparse(value), ["12"])
        found = [text + one for text in found for one in more]
    return found


def details() -> Iterator[str]:
    """All details of calls in the source: those named so, and those that are given to ``alarm`` at once."""
    for path in MAKERS:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == ["detail"]:
                yield from texts(node.value)
            is_alarm = isinstance(node, ast.Call) and ast.unparse(node.func) in {"turn.alarm", "RaiseAlarm"}
            if isinstance(node, ast.Call) and is_alarm:
                yield from texts(node.args[-1])


def test_every_detail_is_worded_and_every_wording_has_a_detail() -> None:
    source = (REPOSITORY / "web/console/details.ts").read_text()
    table = re.search(r"const DETAILS.+?= \[(.+?)\n\];", source, re.DOTALL)
    assert table is not None
    templates = re.findall(r'\[\s*"(.+?)",\s*"console\.detail\.\w+",?\s*\]', table[1])
    assert len(templates) == table[1].count("console.detail.")
    patterns = {one: re.sub(r"\\\{\w+\\\}", "(.+)", re.escape(one)) for one in templates}
    first = [
        next((one for one, pattern in patterns.items() if re.fullmatch(pattern, detail)), "") for detail in details()
    ]
    told = dict(zip(details(), first, strict=True))
    assert [detail for detail, template in told.items() if not template] == []
    by_device = [detail for detail, template in told.items() if template == "{device}: {problem}"]
    assert by_device == ["scale: 12"]  # else it is a new text that happens to have a colon
    assert set(told.values()) == set(templates)
