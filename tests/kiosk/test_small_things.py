"""What the kiosk keeps on its disk and puts on paper: the visit, the slip, the word about a payment never begun."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from unqueue.kernel.clock import ManualClock
from unqueue.kernel.money import Money
from unqueue.kiosk.cash.currencies import CashPolicy
from unqueue.kiosk.cash.outbox import NotTaken
from unqueue.kiosk.cash.reports import PaymentFinished, Report
from unqueue.kiosk.cash.session import Debt
from unqueue.kiosk.cash.store import CashJournal
from unqueue.kiosk.cashier import Cashier
from unqueue.kiosk.declining import decline
from unqueue.kiosk.slips import render_slip
from unqueue.kiosk.visit import Visit, VisitFile

POLICY = CashPolicy(currency="CNY", increment_minor=10)


def test_a_visit_is_kept_until_the_shopper_leaves(tmp_path: Path) -> None:
    visits = VisitFile(tmp_path / "kiosk")
    assert visits.read() is None
    visits.keep(Visit("order-1", "en"))
    assert VisitFile(tmp_path / "kiosk").read() == Visit("order-1", "en")
    visits.keep(None)
    assert list((tmp_path / "kiosk").iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"{", b'{"order": 1}', b"\xff"])
def test_a_visit_that_can_not_be_read_is_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "visit.json").write_bytes(content)
    assert VisitFile(tmp_path).read() is None


@pytest.mark.parametrize("due_minor", [1290, 2])
async def test_a_payment_that_was_never_begun_is_told_as_cancelled_once(tmp_path: Path, due_minor: int) -> None:
    """Also one that cash rounding makes nothing of: nobody paid it."""
    clock = ManualClock(datetime(2026, 3, 1, tzinfo=UTC))
    journal = CashJournal(tmp_path / "cash.db", "kiosk-1")
    assert decline(journal, POLICY, clock, "payment-1", Money(due_minor, "CNY"))
    assert not decline(journal, POLICY, clock, "payment-1", Money(due_minor, "CNY"))
    told: list[Report] = []

    async def refuse(_: Report) -> None:
        raise NotTaken("later")

    async def take(report: Report) -> None:
        told.append(report)

    assert await Cashier(journal, (), POLICY, clock=clock, send=refuse).deliver() == "later"
    for _ in range(2):
        assert await Cashier(journal, (), POLICY, clock=clock, send=take).deliver() is None
    (report,) = told
    assert isinstance(report.body, PaymentFinished)
    body = report.body
    assert (body.payment_id, body.outcome, body.reason) == ("payment-1", "cancelled", "declined")
    assert (body.net_minor, body.rounding_minor, body.tendered, body.debts) == (0, 0, [], [])
    journal.close()


def test_a_slip_says_number_and_amount_in_chinese_mode() -> None:
    debts = (
        Debt("kiosk-1-000018", 210, "CNY", "empty"),
        Debt("kiosk-1-000026", 0, "CNY", "unknown", in_doubt=True),
    )
    slip = render_slip("1", "104729389", debts)
    assert slip.startswith(b"\x1b@\x1c&")
    assert slip.endswith(b"\x1dV\x00")
    text = slip.decode("gb18030")
    for words in ("￥2.10", "kiosk-1-000018", "kiosk-1-000026", "104729389", "服务台", "service desk", "店员核对"):
        assert words in text


pytestmark = pytest.mark.anyio
