"""Cash is rounded once for an order: in however many parts it is paid and given back, nobody gains half a step."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.kiosk.cash.at_the_server import KioskThere
from tests.kiosk.cash.world import YUAN5, World
from tests.support.kiosk_rig import TOTAL_MINOR, Rig, cny
from tests.support.tills import MILK, Till

from unqueue.kiosk.cash import session as sessions
from unqueue.kiosk.cash.currencies import CashPolicy, Half, round_cash
from unqueue.kiosk.cash.refusals import CashPartUneven
from unqueue.kiosk.sequence.words import BeginCash, CashInfo, CashSeen, Pay

pytestmark = pytest.mark.anyio
STEPS = st.sampled_from([1, 5, 10])
HALVES: st.SearchStrategy[Half] = st.sampled_from(["up", "down"])


@given(st.lists(st.integers(1, 40), min_size=1, max_size=12), st.integers(0, 60), STEPS, HALVES)
def test_refunds_in_parts_come_to_what_one_would_come_to(
    parts: list[int], stays_minor: int, step: int, half: Half
) -> None:
    """What the shopper paid less what went back is what the rest of the order costs in cash, after each part."""
    policy = CashPolicy(currency="CNY", increment_minor=step, half=half)
    kept = sum(parts) + stays_minor
    in_cash = sessions.begin("p", kept, policy, {}, now_us=0, expires_us=0).cash_due_minor
    for part in parts:
        session = sessions.refund("r", part, policy, now_us=0, kept_minor=kept)
        assert session.cash_due_minor % step == 0
        assert session.cash_due_minor >= 0
        in_cash -= session.cash_due_minor
        kept -= part
        assert in_cash == round_cash(kept, step, half)
        assert 2 * abs(in_cash - kept) <= step


@pytest.mark.parametrize(
    ("amount_minor", "begins"),
    [(None, True), (TOTAL_MINOR, True), (10, True), (1280, True), (2, False), (12, False), (1289, False)],
)
def test_the_screen_takes_only_parts_that_need_no_rounding(amount_minor: int | None, begins: bool) -> None:
    rig = Rig().open()
    rig.hear(CashSeen(CashInfo(step_minor=10)))
    rig.hear(Pay("cash", amount_minor))
    rig.serve()
    begun = [one for one in rig.commands if isinstance(one, BeginCash)]
    wanted = cny(amount_minor or TOTAL_MINOR)
    assert [(one.amount, one.is_part) for one in begun] == [(wanted, wanted != cny(TOTAL_MINOR))] * begins
    assert (rig.kiosk.notice is not None and rig.kiosk.notice.code == "cash_part_uneven") == (not begins)
    if rig.kiosk.notice is not None:
        assert ("¥0.10" in rig.kiosk.notice.en, "¥0.10" in rig.kiosk.notice.zh) == (True, True)


def test_a_wallet_takes_any_part() -> None:
    rig = Rig().open()
    rig.hear(CashSeen(CashInfo(step_minor=10)))
    rig.hear(Pay("wallet", 12))
    rig.serve()
    assert rig.kiosk.tender is not None
    assert rig.kiosk.tender.amount == cny(12)


async def test_the_till_itself_refuses_an_uneven_part(tmp_path: Path) -> None:
    """Whoever asks it: three parts of ¥0.14 would be paid with three times ¥0.10."""
    world = World(tmp_path / "cash.sqlite")
    await world.switch_on()
    await world.settle()
    assert world.till.view().step_minor == 10
    with pytest.raises(CashPartUneven):
        await world.till.begin("p1", cny(14), world.clock.now(), is_part=True)
    assert world.books.session("p1") is None
    await world.begin("p2", 504)
    assert world.till.view().step_minor == 10
    assert world.insert(YUAN5)
    await world.settle()
    assert (world.session("p2").outcome, world.session("p2").rounding_minor) == ("paid", -4)
    await world.switch_off()


async def test_the_server_tells_what_was_paid_and_many_small_refunds_gain_nothing(tmp_path: Path, till: Till) -> None:
    """¥10.04 rounded to ¥10.00: a refund of ¥0.05 for itself would be ¥0.10, and a hundred of them ¥10.00."""
    kiosk = KioskThere(tmp_path / "cash.db", till)
    await kiosk.start()
    shopper = await till.order(MILK)
    for amount_minor in (1000, 200):
        await kiosk.paid_in_cash(shopper, amount_minor)
    await shopper.call("POST", f"{shopper.path}/give-back")
    payouts = await kiosk.server.payouts()
    assert {(one.amount, one.paid_minor) for one in payouts} == {(cny(1000), 1200), (cny(200), 1200)}
    assert await kiosk.give_back(shopper) == 1200
    assert kiosk.gained_minor == 1200
    given: list[int] = []
    for part in range(8):
        one = type(payouts[0])(f"r{part}", "p", "order-9", cny(5), claimed=False, paid_minor=1004)
        kiosk.cashier.claims.begin(one.refund_id, one.order_id, one.amount)
        before = kiosk.gained_minor
        await kiosk.cashier.pay_out(one)
        given.append(kiosk.gained_minor - before)
    debts = sum(entry.debt.amount_minor for entry in kiosk.journal.debts())  # no jiao lies in the machine
    assert sum(given) + debts == round_cash(1004, 10) - round_cash(1004 - 40, 10) == 40
    await kiosk.stop()
