"""``unqueue kiosk``: a pay kiosk's own process, and what staff do with its cash."""

import asyncio
from pathlib import Path
from typing import Annotated, Any

import typer

from unqueue.commands.common import SettingsOption, complaints, console, fail, settings_or_exit
from unqueue.kernel.settings import Kiosk, SettingsError, kiosk_of

app = typer.Typer(invoke_without_command=True)
cash = typer.Typer(no_args_is_help=True, help="The cash in the kiosk that runs on this machine.")
app.add_typer(cash, name="cash", short_help="The cash in the kiosk that runs on this machine.")

ByOption = Annotated[str, typer.Option("--by", help="Who does it: the name stands in the kiosk's journal.")]
DeviceArgument = Annotated[str, typer.Argument(help="The device's name, as in the settings.")]
CountsArgument = Annotated[
    list[str] | None, typer.Argument(metavar="[PIECES]...", help="What was counted, as CNY-100-coin=50.")
]


@app.callback(short_help="Run a pay kiosk, on the kiosk's computer.")
def kiosk(ctx: typer.Context, settings: SettingsOption = None) -> None:
    """Run a pay kiosk: orders by scanner or number, cash, wallets, cards, coupons, receipts, and the kiosk's screen.

    Its devices and the server's address are in the settings' [kiosk] table; `unqueue device add --kind kiosk` on the
    server gives its token. Ctrl-C ends it, also in the middle of a payment: the next start goes on with it.
    """
    ctx.obj = settings
    if ctx.invoked_subcommand is not None:
        return
    from unqueue.kernel.errors import DomainError
    from unqueue.kiosk.app import run

    loaded = settings_or_exit(settings)
    try:
        asyncio.run(run(loaded, kiosk_of(loaded)))
    except SettingsError as error:
        complaints.print(str(error), style="red", markup=False, highlight=False)
        raise typer.Exit(1) from error
    except DomainError as error:
        fail(error.text_en)


@cash.command()
def counts(ctx: typer.Context, settings: SettingsOption = None) -> None:
    """Say what lies in each device, by the books and by its own count."""
    from rich.table import Table

    table = Table("Device", "Where", "Piece", "Pieces", "Device counts")
    for device in _ask(_own(ctx, settings), "GET", "cash"):
        levels = device["levels"] or {}
        places = {"dispenser": device["dispenser"], "cashbox": device["cashbox"], "taken away": device["removed"]}
        places |= {f"not sure: {place}": pieces for place, pieces in device["suspense"].items()}
        name = device["device"] + (f" (locked: {device['lock']})" if device["lock"] else "")
        for where, pieces in places.items():
            for piece, count in pieces.items():
                counted = str(levels.get(piece, "")) if where == "dispenser" else ""
                table.add_row(name, where, piece, str(count), counted)
        if not any(places.values()):
            table.add_row(name, "nothing", "", "0", "")
    console.print(table)


@cash.command()
def fill(
    ctx: typer.Context, device: DeviceArgument, by: ByOption, pieces: CountsArgument, settings: SettingsOption = None
) -> None:
    """Book what you put into a dispenser."""
    if not pieces:
        fail("Say what you put in, as CNY-100-coin=50.")
    _act(ctx, settings, "fill", device, by, pieces)


@cash.command("remove-cashbox")
def remove_cashbox(
    ctx: typer.Context, device: DeviceArgument, by: ByOption, pieces: CountsArgument = None,
    settings: SettingsOption = None,
) -> None:  # fmt: skip
    """Book a cashbox that you took; with what you counted in it, differences are booked as such."""
    _act(ctx, settings, "remove-cashbox", device, by, pieces)


@cash.command()
def empty(
    ctx: typer.Context, device: DeviceArgument, by: ByOption, pieces: CountsArgument = None,
    settings: SettingsOption = None,
) -> None:  # fmt: skip
    """Book that you took everything out of a dispenser; with what you counted, differences are booked as such."""
    _act(ctx, settings, "empty", device, by, pieces)


@cash.command()
def recount(
    ctx: typer.Context, device: DeviceArgument, by: ByOption, pieces: CountsArgument, settings: SettingsOption = None
) -> None:
    """Book what you counted in a dispenser and left there."""
    _act(ctx, settings, "recount", device, by, pieces or [])


@cash.command()
def unlock(ctx: typer.Context, device: DeviceArgument, by: ByOption, settings: SettingsOption = None) -> None:
    """Put a device that was locked after trouble into use again."""
    _act(ctx, settings, "unlock", device, by, None)


@cash.command()
def slip(
    ctx: typer.Context,
    number: Annotated[str, typer.Argument(help="The number on the slip.")],
    by: ByOption,
    was_given: Annotated[bool, typer.Option(help="The count shows that the machine had given it after all.")] = False,
    settings: SettingsOption = None,
) -> None:
    """Book a slip that you paid by hand."""
    _ask(_own(ctx, settings), "POST", "slips", {"number": number, "by": by, "was_given": was_given})
    console.print(f"Slip {number} is settled.", markup=False, highlight=False)


@cash.command()
def refund(
    ctx: typer.Context,
    number: Annotated[str, typer.Argument(help="The refund's id, as the call for staff names it.")],
    by: ByOption,
    was_given: Annotated[bool, typer.Option(help="The count shows that the machine gave it.")] = False,
    settings: SettingsOption = None,
) -> None:
    """Say what became of a refund in doubt: without --was-given the service desk hands it over."""
    _ask(_own(ctx, settings), "POST", "refunds", {"refund": number, "by": by, "was_given": was_given})
    told = "was given by the machine" if was_given else "goes to the service desk"
    console.print(f"Refund {number} {told}.", markup=False, highlight=False)


@cash.command()
def reports(ctx: typer.Context, settings: SettingsOption = None) -> None:
    """List what the server refused to book, what waits for it, and refunds in doubt."""
    from rich.table import Table

    own = _own(ctx, settings)
    table = Table("Report", "About", "Why it does not go out")
    for report in _ask(own, "GET", "reports"):
        why = f"{report['code']}: {report['detail']}" if report["code"] else "waits for the one before"
        table.add_row(report["kind"], report["about"], why)
    for claim in _ask(own, "GET", "refunds"):
        table.add_row("refund in doubt", claim["refund_id"], f"was it given? Order {claim['order_id']}")
    console.print(table if table.row_count else "Every report goes out.")


@cash.command()
def resend(ctx: typer.Context, by: ByOption, settings: SettingsOption = None) -> None:
    """Send what the server refused once more, after the reason was mended."""
    told = _ask(_own(ctx, settings), "POST", "reports/retry", {"by": by})
    console.print(f"{told['count']} sent again. `unqueue kiosk cash reports` says what is still refused.")


@cash.command()
def day(ctx: typer.Context, by: ByOption, settings: SettingsOption = None) -> None:
    """Close the day: what was there, what moved, what is there, since the last day's end."""
    from rich.table import Table

    from unqueue.kernel.money import format_minor

    own = _own(ctx, settings)
    report = _ask(own, "POST", "day", {"by": by})
    figures = Table("Since the last day's end", "", title=f"{own.id}, closed by {report['by']}")
    figures.add_row("Payments", f"{report['payments_paid']} paid, {report['payments_cancelled']} given back")
    for name, key in (("Put in", "credited"), ("Change", "change"), ("Rounding", "rounding"), ("Sales in cash", "net")):
        figures.add_row(name, format_minor(report[f"{key}_minor"], own.currency))
    for debt in report["debts_open"]:
        figures.add_row(f"Open slip {debt['number']}", format_minor(debt["amount_minor"], debt["currency"]))
    for trouble, count in report["troubles"].items():
        figures.add_row(f"Trouble: {trouble}", str(count))
    console.print(figures)
    contents = Table("Place", "Piece", "Before", "Now")
    for place in sorted({*report["opening"], *report["closing"]}):
        before, now = report["opening"].get(place, {}), report["closing"].get(place, {})
        for piece in sorted({*before, *now}):
            contents.add_row(place, piece, str(before.get(piece, 0)), str(now.get(piece, 0)))
    console.print(contents)


def _own(ctx: typer.Context, settings: Path | None) -> Kiosk:
    try:
        return kiosk_of(settings_or_exit(settings or ctx.obj))
    except SettingsError as error:
        fail(str(error))


def _act(
    ctx: typer.Context, settings: Path | None, action: str, device: str, by: str, pieces: list[str] | None
) -> None:
    from unqueue.kernel.ids import new_id

    body: dict[str, Any] = {"id": new_id(), "device": device, "by": by}
    if pieces is not None:
        try:
            body["counts"] = {piece: int(count) for piece, _, count in (one.partition("=") for one in pieces)}
        except ValueError:
            fail("Counts look like CNY-100-coin=50.")
    _ask(_own(ctx, settings), "POST", f"cash/{action}", body)
    console.print(f"Booked: {action} {device}, by {by}.", markup=False, highlight=False)


def _ask(own: Kiosk, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    """The running kiosk's answer; ends the command with its refusal."""
    import httpx

    from unqueue.station.address import local_url

    url = f"{local_url(own)}/staff/{path}"
    headers = {"Authorization": f"Bearer {own.token}"}
    try:
        answer = httpx.request(method, url, json=body, headers=headers, timeout=10.0, trust_env=False)
    except httpx.HTTPError:
        fail(f"{own.id} does not answer at {url}. Is `unqueue kiosk` running on this machine?")
    if answer.is_success:
        return answer.json() if answer.content else None
    try:
        fail(str(answer.json()["en"]))
    except (ValueError, KeyError):
        fail(f"{own.id} answers {answer.status_code}.")
