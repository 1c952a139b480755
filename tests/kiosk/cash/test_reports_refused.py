"""A report that the server refuses for good: nothing of it is lost, nothing else waits, somebody is called."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from tests.kiosk.cash.at_the_server import KioskThere
from tests.kiosk.cash.world import TIMING, YUAN5, World
from tests.support.tills import Till

from unqueue.kernel.findings import Finding
from unqueue.kernel.settings import Kiosk
from unqueue.kiosk import doctor
from unqueue.kiosk.cash.outbox import NotTaken, ReportRefused
from unqueue.kiosk.cash.reports import (
    Attention,
    Body,
    CashMoved,
    DayClosed,
    DebtSettled,
    MovedPieces,
    PaymentFinished,
    PayoutFinished,
    Report,
    Unlocked,
    must_follow,
)
from unqueue.kiosk.cashier import REPORTS

pytestmark = pytest.mark.anyio


def payment(payment_id: str, revision: int = 0) -> PaymentFinished:
    return PaymentFinished(
        payment_id=payment_id, revision=revision, outcome="paid", reason="", stray=False, currency="CNY",
        due_minor=100, cash_due_minor=100, rounding_minor=0, credited_minor=100, change_minor=0, debts_minor=0,
        net_minor=100, tendered=[], dispensed={}, exchanged=[], conversions=[], debts=[], unknown=[],
    )  # fmt: skip


def payout(refund_id: str) -> PayoutFinished:
    return PayoutFinished(
        refund_id=refund_id, revision=0, currency="CNY", amount_minor=1, rounding_minor=0, dispensed={}, debts=[]
    )


def slip(payment_id: str) -> DebtSettled:
    return DebtSettled(payment_id=payment_id, number="1", amount_minor=1, currency="CNY", settled="paid", by="An")


def moved(device: str) -> CashMoved:
    return CashMoved(action="empty", device=device, by="An", movements=[])


def call(device: str) -> Attention:
    return Attention(device=device, trouble="jam", detail="", locked=True)


def unlocked(device: str) -> Unlocked:
    return Unlocked(device=device, by="An", reason="jam")


DAY = DayClosed(
    by="An", from_seq=0, to_seq=1, from_us=0, to_us=1, opening={}, flows={}, closing={}, payments_paid=0,
    payments_cancelled=0, credited_minor=0, change_minor=0, rounding_minor=0, net_minor=0, exchanged=[], debts_open=[],
    troubles={},
)  # fmt: skip


@pytest.mark.parametrize(
    ("later", "earlier", "waits"),
    [
        (payment("p1", 1), payment("p1"), True),
        (payment("p2"), payment("p1"), False),
        (slip("p1"), payment("p1"), True),
        (slip("r1"), payout("r1"), True),
        (slip("p1"), payout("r1"), False),
        (payout("r1"), payment("p1"), False),  # the server would know of no refund
        (moved("hopper"), moved("hopper"), True),
        (moved("hopper"), moved("notes"), False),
        (moved("hopper"), payment("p1"), False),
        (payment("p1"), moved("hopper"), False),
        (payment("p1"), call("hopper"), False),
        (call("hopper"), call("hopper"), False),
        (unlocked("hopper"), call("hopper"), True),
        (unlocked("hopper"), call("notes"), False),
        (unlocked("hopper"), moved("hopper"), False),
        *[(DAY, one, True) for one in (payment("p1"), payout("r1"), slip("p1"), moved("hopper"), DAY)],
        *[(DAY, one, False) for one in (call("hopper"), unlocked("hopper"))],
        *[(one, DAY, False) for one in (payment("p1"), payout("r1"), slip("p1"), moved("hopper"), call("hopper"))],
    ],
)
def test_what_waits_for_what(later: Body, earlier: Body, waits: bool) -> None:
    assert must_follow(later, earlier) == waits


class Picky(World):
    """A world whose server refuses reports about some payments."""

    refused: frozenset[str] = frozenset()

    async def send(self, report: Report) -> None:
        if isinstance(report.body, PaymentFinished | DebtSettled) and report.body.payment_id in self.refused:
            raise ReportRefused("report_malformed", "it makes no sense")
        await super().send(report)

    @property
    def told(self) -> list[str]:
        bodies = [report.body for report in self.server]
        return [body.payment_id if isinstance(body, PaymentFinished) else type(body).__name__ for body in bodies]


async def pay(world: World, payment_id: str) -> None:
    await world.begin(payment_id, 500)
    assert world.insert(YUAN5)
    await world.settle()


async def test_it_is_set_aside_and_what_depends_on_it_waits(tmp_path: Path) -> None:
    world = Picky(tmp_path / "cash.sqlite", jiao5=0)
    world.refused = frozenset({"p1"})
    await world.switch_on()
    await world.settle()
    world.server.clear()
    await world.begin("p1", 200)
    world.hopper.jams_after = 0
    assert world.insert(YUAN5)
    await world.settle()
    await pay(world, "p2")
    [owed] = world.books.debts()
    world.till.staff.settle_debt(owed.debt.number, "An")
    world.till.staff.close_day("An")
    await world.settle()
    assert world.told == ["Attention", "p2"]
    before = [(one.seq, one.kind, one.code) for one in world.books.stuck_reports()]
    assert [(kind, code) for _, kind, code in before] == [
        ("cash.payment", "report_malformed"), ("cash.debt", ""), ("cash.day", ""),
    ]  # fmt: skip
    assert "2 wait for them" in world.till.reports.problem
    assert "p1 (report_malformed)" in world.till.reports.problem

    await world.recover()
    await world.settle()
    assert [(one.seq, one.kind, one.code) for one in world.books.stuck_reports()] == before, "it is durable"
    assert world.till.reports.retry("An") == 1
    await world.settle()
    assert [(one.seq, one.kind, one.code) for one in world.books.stuck_reports()] == before, "it is refused again"
    world.refused = frozenset()
    assert world.till.reports.retry("An") == 1
    await world.settle()
    assert world.told == ["Attention", "p2", "p1", "DebtSettled", "DayClosed"]
    assert (world.books.stuck_reports(), world.till.reports.problem) == ([], "")
    assert [entry.attendant for entry in world.books.entries() if entry.kind == "reports_retried"] == ["An", "An"]
    world.check()
    await world.switch_off()


async def test_the_till_goes_on_while_many_wait_behind_it(tmp_path: Path) -> None:
    """More than are read at a time."""
    world = Picky(tmp_path / "cash.sqlite")
    world.refused = frozenset({"p1"})
    await world.switch_on()
    with world.books.transaction(1) as transaction:
        transaction.report([payment("p1", revision) for revision in range(150)])
    world.till.refresh()
    await pay(world, "p2")
    assert world.told[-1] == "p2"
    assert len(world.books.stuck_reports()) == 150
    await world.switch_off()


async def test_a_server_that_fails_over_one_report_is_told_of_after_a_while(tmp_path: Path) -> None:
    world = World(tmp_path / "cash.sqlite")
    await world.switch_on()
    await world.settle()

    async def fails(_: Report) -> None:
        raise NotTaken("internal_error", answered=True)

    async def away(_: Report) -> None:
        raise NotTaken("no answer")

    outbox = world.till.reports
    for send, is_told in ((away, False), (fails, True), (away, False)):
        outbox._send = send
        world.till.staff.recount("hopper", dict(world.hopper.pieces), "An", f"r-{send.__name__}-{is_told}")
        for _ in range(2):
            with pytest.raises(NotTaken):
                await outbox.deliver()
            world.clock.advance(TIMING.report_s_max + 1)
        with pytest.raises(NotTaken):
            await outbox.deliver()
        assert bool(outbox.problem) == is_told
    await world.switch_off()


@pytest.fixture
async def kiosk(tmp_path: Path, till: Till) -> AsyncIterator[KioskThere]:
    there = KioskThere(tmp_path / "cash.db", till)
    await there.start()
    yield there
    await there.stop()


async def test_the_server_s_own_refusal_is_shown_and_found_by_the_doctor(kiosk: KioskThere) -> None:
    await kiosk.cashier.deliver()
    wrong = msgspec.structs.replace(
        moved("hopper"), movements=[MovedPieces("CNY-3-shell", 1, "staff", "dispenser:hopper")]
    )
    with kiosk.journal.transaction(1) as transaction:
        transaction.report([wrong, moved("notes")])
    assert await kiosk.cashier.deliver() is None
    [stuck] = kiosk.cashier.stuck_reports()
    assert (stuck.code, stuck.about) == ("report_malformed", "hopper")
    [seen] = [one for one in kiosk.cashier.devices() if one.name == REPORTS]
    assert (seen.status, "report_malformed" in seen.detail) == ("failed", True)
    own = Kiosk(id="kiosk-1", server_url="http://127.0.0.1:1", token="t", data_dir=kiosk.path.parent)
    assert list(doctor.cash_journal(own)) == [], "the running kiosk tells by itself"
    await kiosk.kill()
    [found] = await asyncio.to_thread(lambda: list(doctor.cash_journal(own)))
    assert isinstance(found, Finding)
    assert (found.about, found.level, "resend" in found.mend) == (REPORTS, "failed", True)
    await kiosk.start()
    kiosk.cashier.till.reports.retry("An")
    await kiosk.cashier.deliver()
    assert len(kiosk.cashier.stuck_reports()) == 1


@pytest.mark.parametrize(
    ("status", "body", "refused", "answered"),
    [
        (409, {"code": "report_conflict"}, True, None),
        (422, {"code": "report_malformed"}, True, None),
        (400, {"code": "invalid_request"}, True, None),
        (401, {"code": "not_authenticated"}, False, True),
        (404, {"code": "not_found"}, False, True),
        (429, {"code": "too_many"}, False, True),
        (500, {"code": "internal_error"}, False, True),
        (502, None, False, True),
        (None, None, False, False),
    ],
)
async def test_which_answers_are_about_the_report(
    kiosk: KioskThere, status: int | None, body: dict[str, Any] | None, refused: bool, answered: bool | None
) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if status is None:
            raise httpx.ConnectError("no route", request=request)
        return httpx.Response(status, json={**body, "status": status}) if body else httpx.Response(status, text="oh")

    report = Report("j-1", "kiosk-1", "j", 1, 1, payment("p1"))
    async with httpx.AsyncClient(transport=httpx.MockTransport(answer), base_url="https://store.example") as http:
        kiosk.server._link._http = http
        with pytest.raises((ReportRefused, NotTaken)) as told:
            await kiosk.server.report(report)
    kiosk.server._link._http = kiosk.http
    assert isinstance(told.value, ReportRefused) == refused
    if isinstance(told.value, NotTaken):
        assert told.value.answered == answered
