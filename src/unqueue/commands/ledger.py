"""``unqueue ledger``: what the books say."""

from typing import Annotated

import typer
from rich.table import Table

from unqueue.commands.common import SettingsOption, console, fail, opened_database, settings_or_exit
from unqueue.kernel.clock import from_micros
from unqueue.kernel.money import format_minor

app = typer.Typer(no_args_is_help=True, help="The books: double entry, nothing changed in place.")


@app.command()
def balance(
    settings: SettingsOption = None,
    prefix: Annotated[str, typer.Option(help="Only accounts that begin so, such as cash:.")] = "",
    every: Annotated[
        bool, typer.Option("--all", help="Each card, slip and order by itself, not one line a kind.")
    ] = False,
) -> None:
    """The trial balance: every account that holds something. Debits and credits come to the same."""
    from unqueue.server.ledger import store

    database = opened_database(settings_or_exit(settings))
    held = database.read_now(store.balances)
    rows: dict[tuple[str, str], tuple[int, int]] = {}
    for (account, currency), amount_minor in held.items():
        if account.startswith(prefix):
            shown = account if every else _kind(account)
            count, total = rows.get((shown, currency), (0, 0))
            rows[shown, currency] = (count + 1, total + amount_minor)
    table = Table("account", "", box=None, pad_edge=False)
    table.add_column("debit", justify="right")
    table.add_column("credit", justify="right")
    for (account, currency), (count, total) in sorted(rows.items()):
        amount = format_minor(abs(total), currency)
        many = f"× {count:,}" if count > 1 else ""
        table.add_row(account, many, amount if total > 0 else "", amount if total < 0 else "")
    for currency in sorted({currency for _, currency in rows}):
        sums = [total for (_, one), (_, total) in rows.items() if one == currency]
        debit = format_minor(sum(total for total in sums if total > 0), currency)
        credit = format_minor(-sum(total for total in sums if total < 0), currency)
        table.add_section()
        table.add_row(f"[bold]{currency}[/]", "", f"[bold]{debit}[/]", f"[bold]{credit}[/]")
    console.print(table)
    wrong = database.read_now(store.out_of_balance)
    if wrong:
        fail("\n".join(f"{one.entry_id} is out of balance by {one.amount_minor} {one.currency}" for one in wrong))


@app.command()
def account(
    name: Annotated[str, typer.Argument(help="Such as cash:kiosk-1 or provider:wechat:clearing.")],
    settings: SettingsOption = None,
    limit: Annotated[int, typer.Option(min=1, help="How many postings at the most, the newest.")] = 50,
) -> None:
    """An account: its newest postings, and what it holds."""
    from unqueue.server.ledger import store

    database = opened_database(settings_or_exit(settings))
    postings = database.read_now(lambda connection: store.of_account(connection, name, limit))
    if not postings:
        fail(f"There is no account {name}. `unqueue ledger balance --all` lists those that hold something.")
    table = Table("time (UTC)", "entry", "order", box=None, pad_edge=False)
    table.add_column("amount", justify="right")
    for one in postings:
        at = f"{from_micros(one.at_us):%Y-%m-%d %H:%M:%S}"
        table.add_row(at, one.entry_id, one.order_id[:8], format_minor(one.amount_minor, one.currency))
    held = database.read_now(store.balances)
    for (known, currency), total in sorted(held.items()):
        if known == name:
            table.add_section()
            table.add_row("", "[bold]holds[/]", "", f"[bold]{format_minor(total, currency)}[/]")
    console.print(table)


@app.command()
def order(
    number: Annotated[str, typer.Argument(help="The order's number (as on the receipt) or its id.")],
    settings: SettingsOption = None,
) -> None:
    """An order's story: what was paid, given back and booked, in order."""
    from unqueue.server.ledger import store
    from unqueue.server.orders import store as orders
    from unqueue.server.payments import store as payments

    database = opened_database(settings_or_exit(settings))
    plain = "".join(number.split())
    found = database.read_now(lambda connection: orders.by_number(connection, plain) or orders.get(connection, plain))
    if found is None:
        fail(f"There is no order {number}. The number has nine digits, and stands on receipt and pass.")
    console.print(
        f"[bold]Order {found.number}[/]  {found.status}  {format_minor(found.total_minor, found.currency)}  "
        f"{from_micros(found.created_us):%Y-%m-%d %H:%M:%S} UTC"
    )
    attempts = Table("payment", "method", "status", "reference", box=None, pad_edge=False)
    attempts.add_column("amount", justify="right")
    for one in database.read_now(lambda connection: payments.of_order(connection, found.order_id)):
        shown = format_minor(one.amount_minor, one.currency)
        attempts.add_row(one.payment_id[:8], one.method, one.status, one.reference or (one.problem or ""), shown)
    for back in database.read_now(lambda connection: payments.refunds_of_order(connection, found.order_id)):
        shown = format_minor(-back.amount_minor, back.currency)
        attempts.add_row(f"↩ {back.payment_id[:8]}", back.method, f"{back.cause}, {back.status}", back.reference, shown)
    console.print(attempts)
    table = Table("time (UTC)", "entry", "account", box=None, pad_edge=False)
    table.add_column("debit", justify="right")
    table.add_column("credit", justify="right")
    last = ""
    for posting in database.read_now(lambda connection: store.of_order(connection, found.order_id)):
        at = f"{from_micros(posting.at_us):%Y-%m-%d %H:%M:%S}"
        amount = format_minor(abs(posting.amount_minor), posting.currency)
        is_new = posting.entry_id != last
        debit, credit = (amount, "") if posting.amount_minor > 0 else ("", amount)
        table.add_row(at if is_new else "", posting.entry_id if is_new else "", posting.account, debit, credit)
        last = posting.entry_id
    console.print(table)


_MANY = ("order", "surplus", "stored-value", "debt")
"""Kinds of account of which there are very many: each has a line together, unless asked otherwise."""


def _kind(account: str) -> str:
    kind, _, rest = account.partition(":")
    return f"{kind}:…" if rest and kind in _MANY else account
