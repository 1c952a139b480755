"""Slips of the service desk: on its printer, which is asked before and after, or as a page."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.support.escpos_page import FONT, print_on
from tests.support.tills import ACCOUNT, CASH_ACCOUNT, KIOSK, MILK, SELLER, Till

from unqueue.devices.drivers.escpos_printer import EscposPrinter, EscposPrinterSettings
from unqueue.devices.drivers.escpos_receipt import render_return
from unqueue.kernel.errors import NotFound
from unqueue.kernel.ids import new_id
from unqueue.kernel.money import Money
from unqueue.server.payments.model import PaidBy
from unqueue.server.receipts.slip_page import return_page
from unqueue.server.receipts.slips import DeskPrinterFailed, NoDeskPrinter, ReturnNotDone, Slips
from unqueue.server.returns.views import ReturnedView, ReturnView, ShareView, TaxBackView
from unqueue.server.tills.model import Debt, DebtSettled, PaymentFinished, Report, Tendered

pytestmark = pytest.mark.anyio
RETURN = ReturnView(
    id="a" * 32,
    order_id="b" * 32,
    order_number="104729389",
    status="accepted",
    amount=Money(1290, "CNY"),
    lines=[ReturnedView(1, 1, "纯牛奶 <鲜>", "", Money(1290, "CNY"))],
    taxes=[TaxBackView(900, Money(107, "CNY"))],
    shares=[ShareView("p", "sandbox", Money(1290, "CNY"), "pending", by_hand=False)],
    reason="过期",
    by="小王",
    at="2026-01-02T23:04:05+00:00",
    decided_by="小李",
    decided_at="2026-01-02T23:05:00+00:00",
)


async def returned(return_id: str) -> ReturnView:
    if return_id == "proposed":
        return msgspec.structs.replace(RETURN, status="proposed")
    if return_id != RETURN.id:
        raise NotFound
    return RETURN


def slips(till: Till, printer: EscposPrinter | None = None, width_chars: int = 48) -> Slips:
    accounts = [ACCOUNT, CASH_ACCOUNT]
    return Slips(till.database, SELLER, accounts, return_of=returned, printer=printer, width_chars=width_chars)


async def owe(till: Till, debt: Debt) -> str:
    """A kiosk takes a note for an order, and can't give all of the change; the payment's id."""
    shopper = await till.order(MILK)
    payment = await shopper.start_payment()
    await shopper.close(payment)
    told = PaymentFinished(
        payment_id=new_id(),
        revision=1,
        outcome="cancelled",
        currency="CNY",
        due_minor=0,
        rounding_minor=0,
        tendered=[Tendered("CNY-2000-note", 1, 2000, "cashbox:notes")],
        dispensed={"CNY-100-coin": (2000 - debt.amount_minor) // 100},
        debts=[debt],
        stray=True,
    )
    await till.tills.hear(KIOSK, Report(id="j:1", kiosk=KIOSK.id, journal="j", seq=1, at_us=1, body=told))
    return told.payment_id


@pytest.fixture
async def printer() -> AsyncIterator[tuple[EscposPrinter, bytearray]]:
    """A printer at the other end of a TCP line that is ready, and what came out."""
    paper = bytearray()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(4096):
            asked = data.count(b"\x10\x04\x02")
            paper.extend(data.replace(b"\x10\x04\x02", b""))
            writer.write(b"\x12" * asked)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    yield EscposPrinter(EscposPrinterSettings(f"tcp://127.0.0.1:{port}", timeout_s=2.0)), paper
    server.close()


def rows(width: int, paper: bytes) -> list[str]:
    return [" ".join(row.split()) for row in print_on(width, paper).text]


@pytest.mark.skipif(not FONT.exists(), reason="the package fonts-noto-cjk is not installed")
async def test_a_return_comes_out_of_the_desks_printer(till: Till, printer: tuple[EscposPrinter, bytearray]) -> None:
    device, paper = printer
    await slips(till, device, 32).print_return(RETURN.id, "zh")
    printed = rows(32, bytes(paper))
    assert {"退货单", "退款合计 -￥12.90", "退回 沙盒钱包 -￥12.90", "经办 小王"} <= {*printed}


@pytest.mark.skipif(not FONT.exists(), reason="the package fonts-noto-cjk is not installed")
async def test_a_debt_comes_out_of_the_desks_printer(till: Till, printer: tuple[EscposPrinter, bytearray]) -> None:
    device, paper = printer
    await owe(till, Debt("K1-0007", 700, "CNY", "hopper_empty"))
    await slips(till, device, 32).print_debt("K1-0007", "en")
    assert print_on(32, bytes(paper)).codes == ["K1-0007"]
    assert {"We owe you", "Amount ￥7.00", "Slip K1-0007"} <= {*rows(32, bytes(paper))}


async def test_a_printer_that_is_away_is_told_in_words(till: Till, tmp_path: Path) -> None:
    away = EscposPrinter(EscposPrinterSettings(f"file:{tmp_path}"))
    with pytest.raises(DeskPrinterFailed) as refused:
        await slips(till, away).print_return(RETURN.id, "zh")
    assert refused.value.details["detail"]
    with pytest.raises(NoDeskPrinter):
        await slips(till).print_return(RETURN.id, "zh")


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("zh", ["退货单", "同意", "小李", "退回 沙盒钱包", "其中税额 9%"]),
        ("en", ["Return", "Agreed by", "Sandbox wallet"]),
    ],
)
async def test_a_page_shows_what_the_paper_does(till: Till, language: Any, words: list[str]) -> None:
    page = await slips(till).return_page(RETURN.id, language)
    for word in [*words, "104 729 389", "-¥12.90", "2026-01-03 07:05:00", "纯牛奶 &lt;鲜&gt;"]:
        assert word in page
    assert "src=" not in page.replace("srcset", ""), "nothing is fetched"


def by_hand(paid_by: PaidBy) -> ReturnView:
    share = ShareView("p", "sandbox", Money(1290, "CNY"), "succeeded", by_hand=True, paid_by=paid_by)
    return msgspec.structs.replace(RETURN, shares=[share])


@pytest.mark.parametrize(
    ("paid_by", "zh", "en"), [("cash", "退回 现金", "To by hand"), ("bank", "退回 银行转账", "To by bank transfer")]
)
def test_page_and_paper_tell_a_transfer_from_cash(paid_by: PaidBy, zh: str, en: str) -> None:
    made = msgspec.to_builtins(by_hand(paid_by))
    names = {"name_zh": "街角超市", "name_en": "Corner Store"}
    assert zh in return_page(made, names, "zh", "Asia/Shanghai")
    assert en in return_page(made, names, "en", "Asia/Shanghai")
    assert zh.encode("gb18030") in render_return(made, names, language="zh")
    assert en.encode() in render_return(made, names, language="en")


async def test_what_is_not_done_has_no_slip(till: Till) -> None:
    with pytest.raises(ReturnNotDone):
        await slips(till).return_page("proposed", "zh")
    with pytest.raises(NotFound):
        await slips(till).return_page("c" * 32, "zh")
    with pytest.raises(NotFound):
        await slips(till).debt_page("K1-9999", "zh")


async def test_a_debt_is_shown_until_it_is_paid(till: Till) -> None:
    payment_id = await owe(till, Debt("K1-0007", 700, "CNY", "hopper_empty"))
    (owed,) = await slips(till).debts()
    assert (owed.number, owed.amount) == ("K1-0007", Money(700, "CNY"))
    assert "¥7.00" in await slips(till).debt_page("K1-0007", "zh")
    paid = DebtSettled(
        payment_id=payment_id, number="K1-0007", amount_minor=700, currency="CNY", settled="paid", by="An"
    )
    await till.tills.hear(KIOSK, Report(id="j:2", kiosk=KIOSK.id, journal="j", seq=2, at_us=2, body=paid))
    assert await slips(till).debts() == []
