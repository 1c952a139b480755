"""``unqueue doctor``: what is wrong on this machine, and how to mend it."""

import os
import sys
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.text import Text

from unqueue.commands.common import SettingsOption, console
from unqueue.kernel.findings import Check, Finding, examine, failed, is_healthy, ok
from unqueue.kernel.settings import Settings, SettingsError, find_settings, kiosk_of, lane_of, load_settings

app = typer.Typer()

_MARKS = {"ok": ("✓ ", "green"), "warning": ("! ", "yellow"), "failed": ("✗ ", "red")}


class Part(StrEnum):
    """What a machine does in the store."""

    SERVER = "server"
    LANE = "lane"
    KIOSK = "kiosk"


@app.command(short_help="Say what is wrong on this machine, and how to mend it.")
def doctor(
    settings: SettingsOption = None,
    part: Annotated[
        list[Part] | None,
        typer.Option(
            help="What this machine does. Without it: what the settings have a [lane] or [kiosk] for, else server."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings for a program.")] = False,
) -> None:
    """Look at settings, database, migrations, keys, certificate, devices, ports, clocks, disk and screens.

    Each line is ✓ well, ! works but will hurt one day, or ✗ broken, and says how to mend it. Nothing is changed, so it
    may run beside a working store. The exit status is 1 if anything is broken.
    """
    findings: list[Finding] = []
    for finding in _examine(settings, part):
        findings.append(finding)
        if not as_json:
            _print(finding)
    healthy = is_healthy(findings)
    if as_json:
        report = msgspec.json.encode({"healthy": healthy, "findings": findings})
        sys.stdout.write(msgspec.json.format(report).decode() + "\n")
    raise typer.Exit(0 if healthy else 1)


def _examine(path: Path | None, parts: list[Part] | None) -> Iterable[Finding]:
    from unqueue.server.setup import settings_rules

    file = path or find_settings(os.environ, Path.cwd())
    try:
        settings = load_settings(file, os.environ, settings_rules())
        checks = _checks(settings, parts or _parts(settings))
    except SettingsError as error:
        for complaint in error.complaints:
            subject = f"{complaint.key}: " if complaint.key else ""
            yield failed("settings", f"{complaint.where}: {subject}{complaint.what}", complaint.mend)
        return
    yield ok("settings", str(file) if file else "no file, so the defaults")
    yield from examine(checks)


def _parts(settings: Settings) -> list[Part]:
    """A lane's computer has a [lane], a kiosk's a [kiosk]. It is the server, too, where it has a server's data."""
    own = [part for part, has in ((Part.LANE, settings.lane), (Part.KIOSK, settings.kiosk)) if has is not None]
    has_data = bool(settings.database.url) or settings.server.data_dir.exists()
    return [Part.SERVER, *own] if has_data or not own else own


def _checks(settings: Settings, parts: list[Part]) -> list[Check]:
    checks: list[Check] = []
    if Part.SERVER in parts:
        from unqueue.server import doctor as of_server

        checks += of_server.checks(settings)
    if Part.LANE in parts:
        from unqueue.lane import doctor as of_lane

        known = {check.about for check in checks}
        checks += [check for check in of_lane.checks(settings, lane_of(settings)) if check.about not in known]
    if Part.KIOSK in parts:
        from unqueue.kiosk import doctor as of_kiosk

        known = {check.about for check in checks}
        checks += [check for check in of_kiosk.checks(settings, kiosk_of(settings)) if check.about not in known]
    return checks


def _print(finding: Finding) -> None:
    mark, style = _MARKS[finding.level]
    console.print(Text.assemble((mark, style), (finding.about, "bold"), ": ", finding.found), soft_wrap=True)
    if finding.mend:
        console.print(Text(f"    → {finding.mend}"), soft_wrap=True)
