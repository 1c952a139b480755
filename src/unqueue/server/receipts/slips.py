"""The service desk's slips: for a return, and for money that a kiosk owes. On its own printer, or as a page.

A return belongs to `returns`, which stands beside receipts: the composition root hands in how one is read.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any

import msgspec
from sqlalchemy import Connection

from unqueue.devices.drivers.escpos_receipt import render_debt, render_return
from unqueue.devices.ports import DeviceFailed, POSPrinter
from unqueue.kernel.clock import from_micros
from unqueue.kernel.database import Database
from unqueue.kernel.errors import DomainError, NotFound
from unqueue.kernel.money import Money
from unqueue.kernel.settings import Provider as Account
from unqueue.kernel.settings import Store
from unqueue.server.ledger import store as ledger
from unqueue.server.orders import store as orders_store
from unqueue.server.payments import store as payments_store
from unqueue.server.receipts.contacts import Language
from unqueue.server.receipts.slip_page import debt_page, return_page

ReturnOf = Callable[[str], Awaitable[msgspec.Struct]]
"""A return by its id, as ``Return`` of docs/protocols/http.md. NotFound."""
_DEBT = "debt:"
POSTINGS_READ = 20
"""A debt is posted, and paid by hand: it hardly ever has more postings."""


class DebtView(msgspec.Struct, frozen=True):
    """``Debt`` of docs/protocols/http.md: what a kiosk could not give back. ``number`` stands on its slip."""

    number: str
    amount: Money
    at: str
    order_number: str
    kiosk: str


class DeskPrinter(msgspec.Struct, frozen=True):
    """Whether the desk has a printer of its own."""

    printer: bool


class NoDeskPrinter(DomainError):
    code = "no_desk_printer"
    status = 409
    zh = "服务台没有连接小票机，请用浏览器打印"
    en = "This desk has no printer. Please print from the browser."


class DeskPrinterFailed(DomainError):
    """Details: ``detail``, the printer's own word."""

    code = "desk_printer_failed"
    status = 503
    permanent = False
    zh = "小票机没有打印。请检查纸、盖子和电源，或用浏览器打印"
    en = "The printer did not print. Check paper, cover and power, or print from the browser."


class DeskPrinterUnsure(DomainError):
    """Details: ``detail``, the printer's own word."""

    code = "desk_printer_unsure"
    status = 503
    permanent = False
    zh = "不知道单子有没有打全。请看一下小票机，不全就再打一张"
    en = "Perhaps the slip is not complete. Look at the printer, and print it again if it is not."


class ReturnNotDone(DomainError):
    code = "return_not_done"
    status = 409
    zh = "退货还没有办好，现在没有退货单"
    en = "This return is not done, so it has no slip yet."


class Slips:
    """All slips of the desk. ``width_chars`` is what fits on a line of its printer; without ``printer`` none prints."""

    def __init__(
        self,
        database: Database,
        seller: Store,
        accounts: Sequence[Account],
        *,
        return_of: ReturnOf,
        printer: POSPrinter | None = None,
        width_chars: int = 48,
    ) -> None:
        self._database = database
        self._seller = seller
        self._methods = {account.id: {"zh": account.zh, "en": account.en} for account in accounts}
        self._return_of = return_of
        self._printer = printer
        self._width_chars = width_chars

    @property
    def prints(self) -> bool:
        return self._printer is not None

    async def debts(self) -> list[DebtView]:
        """What kiosks owe to the holders of slips, the newest first."""
        return await self._database.read(_debts)

    async def return_page(self, return_id: str, language: Language) -> str:
        """The slip of a return as a page. NotFound, ReturnNotDone."""
        made = await self._made(return_id, language)
        return return_page(made, self._store, language, self._seller.time_zone)

    async def debt_page(self, number: str, language: Language) -> str:
        """The slip of a debt as a page. NotFound."""
        return debt_page(await self._debt(number), language, self._seller.time_zone)

    async def print_return(self, return_id: str, language: Language) -> None:
        """Print the slip of a return. NotFound, ReturnNotDone, NoDeskPrinter, DeskPrinterFailed, DeskPrinterUnsure."""
        made = await self._made(return_id, language)
        await self._print(partial(render_return, made, self._store), language)

    async def print_debt(self, number: str, language: Language) -> None:
        """Print the slip of a debt. NotFound, NoDeskPrinter, DeskPrinterFailed, DeskPrinterUnsure."""
        await self._print(partial(render_debt, await self._debt(number)), language)

    @property
    def _store(self) -> dict[str, str]:
        return {"name_zh": self._seller.name_zh, "name_en": self._seller.name_en}

    async def _made(self, return_id: str, language: Language) -> Mapping[str, Any]:
        """The return with its ways to pay called by their names."""
        made: dict[str, Any] = msgspec.to_builtins(await self._return_of(return_id))
        if made["status"] != "accepted":
            raise ReturnNotDone
        shares = [
            {**share, "method": self._methods.get(share["method"], {}).get(language, share["method"])}
            for share in made["shares"]
        ]
        return {**made, "shares": shares}

    async def _debt(self, number: str) -> Mapping[str, Any]:
        found = next((debt for debt in await self.debts() if debt.number == number), None)
        if found is None:
            raise NotFound
        names = {"store_zh": self._seller.name_zh, "store_en": self._seller.name_en}
        shown: dict[str, Any] = msgspec.to_builtins(found)
        return {**shown, **names}

    async def _print(self, render: Callable[..., bytes], language: Language) -> None:
        if self._printer is None:
            raise NoDeskPrinter
        data = render(self._width_chars, language, time_zone=self._seller.time_zone)
        try:
            await self._printer.print_bytes(data)
        except DeviceFailed as failure:
            detail = str(failure.details["detail"])
            refused = DeskPrinterUnsure if failure.details["uncertain"] else DeskPrinterFailed
            raise refused(detail=detail) from failure


def _debts(connection: Connection) -> list[DebtView]:
    found = [
        _debt(connection, account, Money(-amount_minor, currency))
        for (account, currency), amount_minor in ledger.balances_under(connection, _DEBT).items()
        if amount_minor < 0  # a liability; above zero, more was paid than was owed, which a manager looks into
    ]
    return sorted(found, key=lambda debt: (debt.at, debt.number), reverse=True)


def _debt(connection: Connection, account: str, amount: Money) -> DebtView:
    posted = ledger.of_account(connection, account, POSTINGS_READ)[0]
    order = orders_store.get(connection, posted.order_id) if posted.order_id else None
    payments = payments_store.of_order(connection, posted.order_id) if order is not None else []
    return DebtView(
        number=account.removeprefix(_DEBT),
        amount=amount,
        at=from_micros(posted.at_us).isoformat(),
        order_number=order.number if order is not None else "",
        kiosk=next((payment.place for payment in reversed(payments) if payment.place), ""),
    )
