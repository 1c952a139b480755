"""``unqueue settlement``: providers' bills against the books."""

import sys
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import msgspec
import typer
from rich.table import Table

from unqueue.commands.common import DAY, SettingsOption, console, day_of, fail, opened_database, settings_or_exit
from unqueue.kernel.clock import from_micros
from unqueue.kernel.database import Database
from unqueue.kernel.money import Money, format_minor

if TYPE_CHECKING:
    from unqueue.providers.bills import BillRow
    from unqueue.server.settlement.model import Finding, Ours
    from unqueue.server.settlement.service import Biller, BillsReport

app = typer.Typer(no_args_is_help=True, help="Reconciliation: what providers' bills say against the books.")

_ACTOR = "command line"
_WORDS: Mapping[str, tuple[str, str]] = {
    "matched": ("matched, and settled in the books", ""),
    "undone": ("came too late, and the provider gave it back by itself", ""),
    "at_the_edge": ("may stand in the neighbouring bill", "Import the bill of the day before or after."),
    "named_twice": ("the bill names it twice", "It is settled once. Ask the provider what the second line is."),
    "amount_differs": ("the amounts differ", "Compare with the provider's own page; it stays on the clearing account."),
    "unknown_here": (
        "unknown here",
        "Not an attempt of this store: another store or program may share the account. Ask the provider.",
    ),
    "not_taken_here": (
        "moved at the provider, not here",
        "The provider is being asked: run `unqueue settlement report` again in a minute, with the server running.",
    ),
    "given_back_twice": (
        "given back twice",
        "Staff handed it over at the desk, and the provider gave it back too: the shopper has it twice.",
    ),
    "missing_in_bill": (
        "in the books, and not in the bill",
        "Ask the provider with the payment's reference (`unqueue ledger order <order>`).",
    ),
}
"""Verdict → what it is called, and what to do about it."""

MethodOption = Annotated[str, typer.Option("--method", help="The account's id in the settings, such as wechat.")]
JsonOption = Annotated[bool, typer.Option("--json", help="For machines.")]


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The bill as the provider gave it.")],
    method: MethodOption,
    settings: SettingsOption = None,
    day: Annotated[
        date | None,
        typer.Option(parser=day_of, metavar=DAY, help="The bill's day, where its rows don't say: it has none."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Import a bill, settle what matches and list what does not. The same bill again changes nothing.

    Exits with status 1 if anything does not match.
    """
    from unqueue.kernel.errors import DomainError
    from unqueue.server.settlement.model import BillConflict, BillUnreadable
    from unqueue.server.settlement.service import import_bill

    database, billers = _opened(settings)
    biller = _chosen(billers, method)
    try:
        report = import_bill(database, biller, file.read_bytes(), actor=_ACTOR, day=day)
    except BillUnreadable as error:
        at = f"{file}, {error.details['problem']}" if error.details["line"] else f"{file}: {error.details['problem']}"
        mend = "Download it again, whole, and import it as it comes: a spreadsheet that saves it changes it."
        fail(f"{at}\nNothing of it was taken. {mend}")
    except BillConflict as error:
        fail(f"{file}: {error.text_en}\n{_conflicts(error.details['conflicts'])}")
    except DomainError as error:
        fail(f"{file}: {error.text_en}")
    finally:
        database.dispose()
    if as_json:
        _write_json(report)
    else:
        counts = report.counts
        console.print(
            f"[green]✓[/] {counts.added} new rows, {counts.known} known; {counts.settled} settled in the books"
        )
        _show(report)
    if report.problems:
        raise typer.Exit(1)


@app.command()
def report(
    settings: SettingsOption = None,
    method: Annotated[str, typer.Option("--method", help="Only this account's bills.")] = "",
    day: Annotated[
        date | None, typer.Option(parser=day_of, metavar=DAY, help="Only this day, in the bill's time zone.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Match again what did not match before, and list what still does not. Exits with status 1 if there is any."""
    from unqueue.server.settlement.service import match_again

    database, billers = _opened(settings)
    wanted = [_chosen(billers, method)] if method else list(billers.values())
    if not wanted:
        fail("No account in the settings gives bills that can be read. docs/guides/reconciliation.md says which do.")
    reports = [match_again(database, biller, actor=_ACTOR, day=day) for biller in wanted]
    database.dispose()
    if as_json:
        _write_json(reports)
    else:
        for one in reports:
            _show(one)
    if any(one.problems for one in reports):
        raise typer.Exit(1)


def _opened(settings: Path | None) -> tuple[Database, "dict[str, Biller]"]:
    from unqueue.server.settlement.service import billers

    found = settings_or_exit(settings)
    return opened_database(found), billers(found.payments.providers)


def _chosen(billers: "Mapping[str, Biller]", method: str) -> "Biller":
    if method not in billers:
        known = ", ".join(sorted(billers)) or "none; docs/guides/reconciliation.md says which kinds do"
        fail(f"There is no account {method} whose bills can be read. Accounts that have them: {known}.")
    return billers[method]


def _write_json(value: Any) -> None:
    sys.stdout.write(msgspec.json.encode(value).decode() + "\n")


def _show(report: "BillsReport") -> None:
    zone = ZoneInfo(report.time_zone)
    when = ""
    if report.from_us is not None and report.until_us is not None:
        first, last = _local(report.from_us, zone), _local(report.until_us - 1, zone)
        when = f"  {first:%Y-%m-%d}" + (f" to {last:%Y-%m-%d}" if first.date() != last.date() else "")
    console.print(f"[bold]{report.method}[/]{when}  [dim]times of {report.time_zone}[/]")
    console.print(_table(report))
    for verdict, (title, advice) in _WORDS.items():
        found = [one for one in report.findings if one.verdict == verdict]
        if found:
            console.print(f"\n[bold]{title[0].upper()}{title[1:]}[/] ({len(found)}). {advice}", highlight=False)
            for one in found:
                console.print(_both_sides(one, zone), markup=False, highlight=False, soft_wrap=True)
    owed = ", ".join(map(str, report.clearing)) or "nothing"
    console.print(f"\nOn the clearing account: {owed}", highlight=False)
    if not report.problems:
        console.print("[green]✓[/] Everything matches." if report.sums else "There is nothing to match.")


def _table(report: "BillsReport") -> Table:
    table = Table("", "", box=None, pad_edge=False)
    for name in ("count", "in bills", "fees", "in the books"):
        table.add_column(name, justify="right")
    for one in report.sums:
        amounts = (one.bill_minor, one.fee_minor, one.ours_minor)
        table.add_row(
            _WORDS[one.verdict][0],
            "charges" if one.kind == "charge" else "refunds",
            f"{one.count:,}",
            *(format_minor(amount_minor, one.currency) for amount_minor in amounts),
        )
    return table


def _both_sides(finding: "Finding", zone: ZoneInfo) -> str:
    lines = []
    if finding.bill is not None:
        times = f"  × {finding.times}" if finding.times > 1 else ""
        lines.append(f"  {_name(finding.bill.kind, finding.bill.attempt_id, finding.bill.refund_id)}")
        lines.append(f"    bill  {_bill(finding.bill, zone)}{times}")
    elif finding.ours is not None:
        lines.append(f"  {_name(finding.ours.kind, finding.ours.payment_id, finding.ours.refund_id)}")
        lines.append("    bill  does not name it")
    lines.append(f"    here  {_ours(finding.ours, zone) if finding.ours is not None else 'nothing is known of it'}")
    return "\n".join(lines)


def _name(kind: str, attempt_id: str, refund_id: str) -> str:
    return f"{kind} {refund_id} of {attempt_id}" if kind == "refund" else f"{kind} {attempt_id}"


def _bill(row: "BillRow", zone: ZoneInfo) -> str:
    at = f"{_local(row.at_us, zone):%Y-%m-%d %H:%M:%S}"
    return f"{row.amount}  fee {row.fee}  {at}  {row.status}  {row.reference}"


def _ours(ours: "Ours", zone: ZoneInfo) -> str:
    amount = str(ours.taken) if ours.taken is not None else f"not booked, {ours.asked} asked for"
    at_us = ours.until_us if ours.until_us is not None else ours.from_us
    return f"{amount}  {ours.status}  {_local(at_us, zone):%Y-%m-%d %H:%M:%S}  order {ours.order_id}"


def _local(at_us: int, zone: ZoneInfo) -> datetime:
    return from_micros(at_us).astimezone(zone)


def _conflicts(conflicts: Sequence[Mapping[str, Any]]) -> str:
    lines = []
    for one in conflicts:
        now = one["now"]
        lines.append(f"  {_name(now['kind'], now['attempt_id'], now['refund_id'])}")
        lines += [f"    {side:7} {_facts(one[side])}" for side in ("before", "now")]
    lines.append("Ask the provider which bill is right; what is in the books stays as it is.")
    return "\n".join(lines)


def _facts(row: Mapping[str, Any]) -> str:
    amount, fee = Money(**row["amount"]), Money(**row["fee"])
    return f"{amount}  fee {fee}  {from_micros(row['at_us']):%Y-%m-%d %H:%M:%S} UTC  {row['reference']}"
