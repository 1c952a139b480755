"""What staff say of a payment whose machine can't: with a reason, and only while nothing is known."""

from typing import Any

import msgspec
import pytest
from tests.support.tills import KIOSK, MILK, Till, one_note

from unqueue.kernel.clock import ManualClock
from unqueue.server.payments.deciding import STUCK_S, Deciding
from unqueue.server.payments.model import NothingToDecide
from unqueue.server.payments.routes import Decision
from unqueue.server.payments.service import Wish
from unqueue.server.tills.model import Report

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("body", [b'{"status": "failed"}', b'{"status": "failed", "reason": "  "}'])
def test_nobody_decides_without_a_reason(body: bytes) -> None:
    with pytest.raises(msgspec.ValidationError, match="reason"):
        msgspec.json.decode(body, type=Decision)


async def test_what_ended_meanwhile_is_not_decided(
    till: Till, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kiosk tells that it has the money just while somebody says that nothing came."""
    shopper = await till.order(MILK)
    wish = Wish(method="cash", place=KIOSK.id, amount_minor=1000, return_to="order")
    payment = await till.payments.create(shopper.order, wish, actor=KIOSK.actor)
    clock.advance(STUCK_S + 1)
    took = one_note(payment.payment_id)
    unit = till.database.unit

    async def late(work: Any) -> Any:
        monkeypatch.undo()
        await till.tills.hear(KIOSK, Report("j:1", KIOSK.id, "j", 1, 1, took))
        return await unit(work)

    monkeypatch.setattr(till.database, "unit", late)
    with pytest.raises(NothingToDecide):
        await Deciding(till.payments).decide(payment.payment_id, "failed", "", "staff:an", reason="its tray is empty")
    assert (await till.payment(payment.payment_id)).status == "succeeded"
    assert await till.events("payment.decided") == []
