"""``unqueue audits``: whether the draws were fair, and what the audits say."""

from datetime import date
from typing import Annotated

import typer
from rich.table import Table

from unqueue.commands.common import (
    DAY,
    LastDayOption,
    SettingsOption,
    console,
    day_of,
    days_or_exit,
    fail,
    opened_database,
    settings_or_exit,
)
from unqueue.kernel.clock import first_of_days
from unqueue.kernel.money import format_minor

app = typer.Typer(no_args_is_help=True, help="Random audits: check a day's draws again, and what the audits say.")


@app.command()
def verify(
    day: Annotated[date, typer.Option(parser=day_of, metavar=DAY, help="A day of the store.")],
    settings: SettingsOption = None,
) -> None:
    """Check all draws of a day again: the seed against its commitment, every draw against seed and rules, and that no
    order left without one. Until the day is over its seed is secret, and only the rules are checked.
    """
    from unqueue.server.audits.service import verify_day

    database = opened_database(settings_or_exit(settings))
    checked = database.read_now(lambda connection: verify_day(connection, day.isoformat()))
    if checked.wrong and not checked.draws:
        fail(f"{day}: nothing was drawn on this day.")
    if checked.wrong:
        fail("\n".join(f"{day}: {what}" for what in checked.wrong))
    console.print(f"[green]✓[/] {day}: {checked.draws:,} draws, {checked.drawn:,} audits, all as the rules gave.")
    if checked.seed_known:
        console.print("[green]✓[/] The seed is the one that was committed to, and every draw follows from it.")
    else:
        console.print("The seed is told once the day is over; then check again.", style="dim")


@app.command()
def report(
    settings: SettingsOption = None,
    first: Annotated[
        date | None,
        typer.Option("--from", parser=day_of, metavar=DAY, help="The first day. Without it: 29 days before the last."),
    ] = None,
    last: LastDayOption = None,
) -> None:
    """What the audits say of all orders that left: shares with their 95 % intervals."""
    from unqueue.server.audits import store
    from unqueue.server.audits.estimates import estimate

    read = settings_or_exit(settings)
    end = last or date.today()  # noqa: DTZ011  # the day of whoever asks is near enough
    begin = first or first_of_days(end, 30)
    days_or_exit(begin, end)
    database = opened_database(read)
    told = estimate(database.read_now(lambda connection: store.sampled(connection, begin.isoformat(), end.isoformat())))
    currency = read.store.currency
    console.print(
        f"{begin} to {end}: {told.orders:,} orders that left and could be drawn, "
        f"{format_minor(told.total_minor, currency)} {currency}; {told.not_coverable:,} could not, by the monthly cap."
    )
    console.print(f"{told.drawn:,} audits drawn; made: {told.full:,} full, {told.partial:,} partial.")
    if told.full:
        console.print(f"Of the full audits {told.full_wrong:,} found a difference.")
    table = Table("", box=None, pad_edge=False)
    for name in ("estimate", "95 % interval", "ratio", "unweighted", "amount"):
        table.add_column(name, justify="right")
    rows = (
        ("orders with a difference", told.orders_wrong, None, told.orders_wrong_unweighted, None),
        ("not paid, of the sales", told.unpaid, told.unpaid_ratio, None, told.unpaid_minor),
        ("paid and not there, of the sales", told.overpaid, told.overpaid_ratio, None, told.overpaid_minor),
    )
    for name, one, by_ratio, plain, amount_minor in rows:
        if one is None or one.few:
            table.add_row(name, "too few rescans yet", f"{one.audits if one else 0} of {told.few_audits}")
            continue
        table.add_row(
            name,
            _percent(one.value),
            f"{_percent(one.low)} to {_percent(one.high)}",
            _percent(by_ratio) if by_ratio is not None else "",
            _percent(plain) if plain is not None else "",
            format_minor(amount_minor, currency) if amount_minor is not None else "",
        )
    console.print(table)
    if told.full == 0:
        console.print("Without a full audit nobody knows of goods that are not on their order.", style="dim")


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %"
