"""A bill against a real store: what is known is settled, what is not is asked for, and refunds still go out."""

from datetime import date
from typing import Any, cast

import httpx
import pytest
from litestar import Litestar
from tests.server.settlement.bills import OPENING_US, bill, biller, charge, refund
from tests.support.tills import CARD, MANAGER, METHOD, MILK, Shopper, Till

from unqueue.kernel.clock import ManualClock
from unqueue.kernel.errors import DomainError
from unqueue.kernel.ids import new_id
from unqueue.kernel.money import Money
from unqueue.kernel.settings import Provider as Account
from unqueue.providers.bills import BillMalformed, BillRow
from unqueue.providers.kinds import BILL_READERS, BILL_TIME_ZONES
from unqueue.providers.port import Charge, ProviderRefused, RefundRequest, RefundState
from unqueue.providers.sandbox_wallet.client import SandboxWallet
from unqueue.server.access import Principal, issue_token
from unqueue.server.ledger import store as ledger
from unqueue.server.problems import EXCEPTION_HANDLERS
from unqueue.server.returns.service import Wanted
from unqueue.server.settlement import routes
from unqueue.server.settlement.model import BillConflict, BillOfAnother, BillUnreadable
from unqueue.server.settlement.service import BillsReport, Settlement, import_bill, match_again
from unqueue.server.staff.model import MAY
from unqueue.server.stored_value.service import NewCard

pytestmark = pytest.mark.anyio
AN = Principal("staff", "a" * 32, "An", "manager", MAY["manager"])
CLEARING = f"provider:{METHOD}:clearing"


class NoRefunds(SandboxWallet):
    """A provider that says that it takes nothing back, whatever it does then."""

    async def refund(self, request: RefundRequest, charge: Charge) -> RefundState:
        raise ProviderRefused("refund_window_closed", charge.attempt_id + request.refund_id)


def take(till: Till, *rows: BillRow, method: str = METHOD) -> BillsReport:
    return import_bill(till.database, biller(method), bill(*rows), actor="test")


def verdicts(report: BillsReport) -> list[str]:
    return [one.verdict for one in report.findings]


async def paid(till: Till) -> tuple[Shopper, str]:
    """A milk that the wallet paid."""
    shopper = await till.order(MILK)
    payment = await shopper.start_payment()
    await till.bank.press(payment["action"]["url"])
    await till.bank.send()
    return shopper, payment["id"].replace("-", "")


async def test_a_settled_payment_can_still_go_back(till: Till) -> None:
    shopper, payment_id = await paid(till)
    day_one = take(till, charge(payment_id, 1290, 8))
    assert (day_one.problems, day_one.counts.settled, day_one.clearing) == (0, 1, [])
    await till.returns.propose(shopper.order.order_id, [Wanted(1, 1)], "", new_id(), AN)
    await till.work()
    (back,) = (await till.returns.look(shopper.order.number)).returns[0].shares
    assert back.status == "succeeded"
    (missing,) = match_again(till.database, biller(METHOD), actor="test").findings
    assert (missing.verdict, missing.ours and missing.ours.asked) == ("missing_in_bill", Money(1290, "CNY"))
    assert missing.ours is not None
    day_two = take(till, refund(payment_id, missing.ours.refund_id, 1290, -8))
    assert (day_two.problems, day_two.findings) == (0, [])
    assert await till.balances() == {}
    story = await till.database.read(lambda connection: ledger.of_order(connection, shopper.order.order_id))
    assert f"settlement:charge:{payment_id}" in {one.entry_id for one in story}
    assert [kind for kind, _ in await till.events("settlement.imported")] == ["settlement.imported"] * 2


async def test_money_that_came_unheard_is_asked_for_at_once(till: Till) -> None:
    shopper = await till.order(MILK)
    payment = await shopper.start_payment()
    await till.bank.press(payment["action"]["url"], trouble="never")
    payment_id = payment["id"].replace("-", "")
    report = take(till, charge(payment_id, 1290))
    assert (verdicts(report), report.counts.asked) == (["not_taken_here"], 1)
    assert report.findings[0].ours is not None
    assert report.findings[0].ours.taken is None
    await till.work()
    assert (await shopper.read())["status"] == "paid"
    after = match_again(till.database, biller(METHOD), actor="test")
    assert (after.problems, after.counts.settled) == (0, 1)
    assert (await till.balances())[f"bank:{METHOD}"] == 1290


async def test_money_for_an_attempt_that_was_given_up_is_found_and_goes_back(till: Till) -> None:
    shopper = await till.order(MILK)
    payment = await shopper.start_payment()
    await shopper.close(payment)
    payment_id = payment["id"].replace("-", "")
    for _ in range(6):  # it is looked at a few times more, then no longer
        till.bank.clock.advance(90_000)
        await till.work()
    assert (await till.payment(payment_id)).query_due_us is None
    await till.bank.press(payment["action"]["url"], trouble="after_close")
    assert verdicts(take(till, charge(payment_id, 1290))) == ["not_taken_here"]
    await till.work(2)
    assert (await till.payment(payment_id)).status == "refunded"
    assert match_again(till.database, biller(METHOD), actor="test").counts.settled == 1


async def test_what_the_provider_took_and_gave_back_by_itself_is_no_problem(till: Till) -> None:
    shopper = await till.order(MILK)
    payment = await shopper.start_payment()
    await shopper.close(payment)
    payment_id = payment["id"].replace("-", "")
    rows = [charge(payment_id, 1290, 8), refund(payment_id, "its-own", 1290, -8)]
    assert take(till, rows[0]).problems == 1
    report = take(till, rows[1])
    assert (verdicts(report), report.problems, await till.balances()) == (["undone", "undone"], 0, {})


async def test_a_row_that_changed_is_a_conflict_and_nothing_of_the_file_is_taken(till: Till) -> None:
    _, first = await paid(till)
    _, second = await paid(till)
    take(till, charge(first, 1290, 8))
    before = await till.balances()
    with pytest.raises(BillConflict) as refused:
        take(till, charge(second, 1290), charge(first, 1290, 9))
    assert refused.value.details["count"] == 1
    assert refused.value.details["conflicts"][0]["before"]["fee"] == {"amount_minor": 8, "currency": "CNY"}
    with pytest.raises(BillConflict):
        take(till, charge(second, 1290), charge(second, 1291))
    assert await till.balances() == before
    word = take(till, charge(first, 1290, 8, status="settled"), charge(second, 1290))
    assert (word.counts.added, word.counts.known, word.problems) == (1, 1, 0)


async def test_what_staff_handed_over_and_the_provider_gave_back_too_is_told(till: Till) -> None:
    shopper, payment_id = await paid(till)
    await till.returns.propose(shopper.order.order_id, [Wanted(1, 1)], "", new_id(), AN)
    stubborn = Till(till.database, till.bank, {METHOD: till.bank.account(NoRefunds)})
    await stubborn.work()
    await stubborn.stop()
    (waiting,) = await till.returns.refunds_waiting()
    await till.returns.pay_by_hand(waiting.id, AN)
    report = take(till, charge(payment_id, 1290), refund(payment_id, waiting.id, 1290))
    assert verdicts(report) == ["given_back_twice"]
    assert (await till.balances()) == {f"bank:{METHOD}": 1290, "desk": -1290}


async def test_what_was_given_back_twice_is_owed_once_the_provider_says_so_too(till: Till, clock: ManualClock) -> None:
    shopper, payment_id = await paid(till)
    await till.returns.propose(shopper.order.order_id, [Wanted(1, 1)], "", new_id(), AN)
    till.bank.wire.fails = ["lose_answer"]
    await till.work()
    (waiting,) = await till.returns.refunds_waiting()
    clock.advance(3600)
    await till.returns.settle_by_hand(waiting.id, "cash", "an hour", AN)
    bill = (charge(payment_id, 1290), refund(payment_id, waiting.id, 1290))
    report = take(till, *bill)
    assert (verdicts(report), report.counts.asked) == (["given_back_twice"], 1)
    await till.work()
    assert verdicts(take(till, *bill)) == []
    owed = f"given-twice:{shopper.order.order_id}"
    assert (await till.balances()) == {owed: 1290, "desk": -1290}


async def test_a_refund_under_way_is_asked_about_and_never_sent_twice(till: Till) -> None:
    shopper, payment_id = await paid(till)
    await till.returns.propose(shopper.order.order_id, [Wanted(1, 1)], "", new_id(), AN)
    till.bank.wire.fails.append("lose_answer")
    await till.work()
    (waiting,) = await till.returns.refunds_waiting()
    report = take(till, charge(payment_id, 1290), refund(payment_id, waiting.id, 1290))
    assert (verdicts(report), report.counts.asked) == (["not_taken_here"], 1)
    till.bank.wire.asked.clear()
    await till.work()
    assert [line.split()[0] for line in till.bank.wire.asked] == ["GET"]
    assert match_again(till.database, biller(METHOD), actor="test").problems == 0
    assert await till.balances() == {}


async def test_a_refund_s_id_on_another_attempt_is_not_that_refund(till: Till) -> None:
    shopper, payment_id = await paid(till)
    await till.returns.propose(shopper.order.order_id, [Wanted(1, 1)], "", new_id(), AN)
    await till.work()
    known = match_again(till.database, biller(METHOD), actor="test")
    assert known.findings == [], "no bill, nothing missing"
    report = take(till, charge(payment_id, 1290))
    assert report.findings[0].ours is not None
    refund_id = report.findings[0].ours.refund_id
    wrong = take(till, refund("another", refund_id, 1290))
    assert sorted(verdicts(wrong)) == ["missing_in_bill", "unknown_here"]


async def test_near_midnight_it_may_stand_in_the_neighbouring_bill(till: Till) -> None:
    till.bank.clock.advance((15 * 60 - 5) * 60)  # five minutes to midnight in Shanghai
    await paid(till)
    day_us = 86_400_000_000
    report = take(till, charge("else", 1, at_us=OPENING_US))
    assert sorted(verdicts(report)) == ["at_the_edge", "unknown_here"]
    both = take(till, charge("other", 1, at_us=OPENING_US + day_us))
    assert verdicts(both) == ["unknown_here"]
    all_of_it = match_again(till.database, biller(METHOD), actor="test")
    assert sorted(verdicts(all_of_it)) == ["missing_in_bill", "unknown_here", "unknown_here"]
    first = match_again(till.database, biller(METHOD), actor="test", day=date(2026, 3, 2))
    assert sorted(verdicts(first)) == ["missing_in_bill", "unknown_here"]


async def test_the_bill_of_another_account_is_refused(till: Till) -> None:
    shopper = await till.order(MILK)
    await till.cards.issue(NewCard(["2990001234567"], "gift", Money(5000, "CNY")), new_id(), MANAGER)
    by_card = await shopper.start_payment(method=CARD, instrument="2990001234567", channel="page")
    with pytest.raises(BillOfAnother) as refused:
        take(till, charge(by_card["id"].replace("-", ""), 1290), charge("unknown", 1))
    assert refused.value.details == {"method": CARD}


@pytest.mark.parametrize(
    "row",
    [charge("", 1), refund("a", "", 1), charge("a" * 129, 1), charge("a\0", 1), charge("a", 1, at_us=10**20)],
    ids=["no attempt", "no refund", "too long", "not printable", "no such year"],
)
async def test_a_row_that_nobody_makes_is_refused(till: Till, row: BillRow) -> None:
    with pytest.raises(BillUnreadable) as refused:
        take(till, row)
    assert refused.value.details["line"] == 0


async def test_a_malformed_bill_tells_its_line(till: Till) -> None:
    def read(_: bytes) -> list[BillRow]:
        raise BillMalformed(7, "no amount")

    broken = type(biller(METHOD))(METHOD, read, biller(METHOD).zone)
    with pytest.raises(DomainError) as refused:
        import_bill(till.database, broken, b"", actor="test")
    assert refused.value.details == {"line": 7, "problem": "line 7: no amount"}


def test_every_reader_has_a_time_zone() -> None:
    assert BILL_READERS.keys() == BILL_TIME_ZONES.keys()


async def test_staff_look_at_it_and_change_nothing(till: Till) -> None:
    _, payment_id = await paid(till)
    account = Account(id=METHOD, kind="wechat_pay", zh="微信支付", en="WeChat Pay")
    token, hashed = issue_token("staff")
    till.access.register("staff", lambda _, told: AN if told == hashed else None)
    take(till, charge(payment_id, 1291))
    handlers = routes.routes(Settlement(till.database, [account]), till.access)
    asgi = Litestar(handlers, exception_handlers=EXCEPTION_HANDLERS, logging_config=None, openapi_config=None)

    async def ask(query: str, status: int = 200, headers: dict[str, str] | None = None) -> Any:
        transport = httpx.ASGITransport(cast("Any", asgi))  # one interface, two spellings of its type
        async with httpx.AsyncClient(transport=transport, base_url="https://store.example") as client:
            response = await client.get(f"/api/desk/settlement{query}", headers=headers)
        assert response.status_code == status, response.text
        return response.json()

    staff = {"Authorization": f"Bearer {token}"}
    await ask("", 401)
    (report,) = await ask("?day=2026-03-02", headers=staff)
    assert [one["verdict"] for one in report["findings"]] == ["amount_differs"]
    assert [one["verdict"] for one in (await ask(f"?method={METHOD}", headers=staff))[0]["findings"]] == [
        "amount_differs"
    ]
    assert (await ask("?day=2026-03-09", headers=staff))[0]["findings"] == []
    await ask("?method=none", 404, headers=staff)
    await ask("?day=soon", 400, headers=staff)
    await ask("?day=9999-12-31", 400, headers=staff)


async def test_a_bill_that_names_it_twice_stays_told(till: Till) -> None:
    _, payment_id = await paid(till)
    row = charge(payment_id, 1290, 8)
    assert verdicts(take(till, row)) == []
    assert verdicts(take(till, row, row)) == ["named_twice"]
    assert verdicts(take(till, row)) == ["named_twice"], "another bill that names it once makes the first no better"
    assert (await till.balances())[f"bank:{METHOD}"] == 1282
