"""Refunds that the machine gives back: exactly once, whatever happens, or on a slip."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import pytest
from tests.kiosk.cash.test_power_cuts import (
    Step,
    begin,
    come_loose,
    finish,
    insert,
    jam,
    play,
    plug,
    unplug,
    vague,
)
from tests.kiosk.cash.world import JIAO5, YUAN, YUAN5, World

from unqueue.kernel.money import Money
from unqueue.kiosk.cash.ledger import dispenser, held
from unqueue.kiosk.cash.refusals import CashConflict, CashUnavailable, TillBusy
from unqueue.kiosk.cash.reports import DayClosed, PaymentFinished, PayoutFinished


def run(path: Path, scene: Callable[[World], Awaitable[None]]) -> World:
    world = World(path / "cash.sqlite")

    async def all_of_it() -> None:
        await world.switch_on()
        await world.settle()
        await scene(world)
        await world.settle()
        world.check(suspense_max=100)
        await world.switch_off()

    asyncio.run(all_of_it())
    return world


def told(world: World, refund_id: str = "r1") -> list[PayoutFinished]:
    """All that was reported of a refund."""
    return [r.body for r in world.server if isinstance(r.body, PayoutFinished) and r.body.refund_id == refund_id]


def purse_gained(world: World) -> int:
    """What the shopper's purse has now more than at first, in minor units."""
    before = sum(piece.value_minor * count for piece, count in world.purse_at_first.items())
    return sum(piece.value_minor * count for piece, count in world.purse.items()) - before


def test_a_refund_is_given_rounded_for_cash_and_told(tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        await world.pay_out("r1", 1354)
        view = world.till.view()
        assert (view.state, view.outcome, view.payment_id) == ("finished", "refunded", "r1")
        assert (view.due_minor, view.cash_due_minor, view.to_give_minor) == (1354, 1350, {})

    world = run(tmp_path, scene)
    [report] = told(world)
    assert (report.revision, report.currency, report.amount_minor, report.rounding_minor) == (0, "CNY", 1354, 4)
    assert report.dispensed == {"CNY-1000-note": 1, "CNY-100-coin": 3, "CNY-50-coin": 1}
    assert report.debts == []
    assert purse_gained(world) == 1350


def test_the_same_refund_again_gives_nothing_again(tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        for _ in range(2):
            await world.pay_out("r1", 500)
            with pytest.raises(CashConflict):
                await world.pay_out("r1", 600)
            await world.recover()
        await world.pay_out("r1", 500)
        with pytest.raises(CashConflict):
            await world.begin("r1", 500)
        await world.begin("p1", 500)
        await world.till.cancel("p1")
        await world.settle()
        with pytest.raises(CashConflict):
            await world.pay_out("p1", 500)

    world = run(tmp_path, scene)
    assert len(told(world)) == 1
    assert purse_gained(world) == 500


def test_refused_it_gives_nothing(tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        await world.begin("p1", 4000)
        with pytest.raises(TillBusy):
            await world.pay_out("r1", 500)
        with pytest.raises(TillBusy):
            await world.till.check_payout(Money(500, "CNY"))
        await world.till.cancel("p1")
        await world.settle()
        for amount in (Money(100_000, "CNY"), Money(20, "CNY"), Money(500, "EUR")):
            with pytest.raises(CashUnavailable):
                await world.till.check_payout(amount)
            with pytest.raises(CashUnavailable):
                await world.till.pay_out("r1", amount)
        await world.till.check_payout(Money(500, "CNY"))
        assert world.books.session("r1") is None

    world = run(tmp_path, scene)
    assert not told(world)
    assert purse_gained(world) == 0


def test_what_rounds_to_nothing_is_over_at_once(tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        await world.pay_out("r1", 4)

    [report] = told(run(tmp_path, scene))
    assert (report.rounding_minor, report.dispensed, report.debts) == (4, {}, [])


def test_with_or_slip_what_cannot_be_given_is_on_a_slip(tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        await world.pay_out("r1", 1020, or_slip=True)

    [report] = told(run(tmp_path, scene))
    [debt] = report.debts
    assert (debt.reason, debt.amount_minor, debt.in_doubt) == ("no_change", 20, False)


def test_what_a_jam_keeps_is_on_a_slip(tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        world.hopper.jams_after = 1
        await world.pay_out("r1", 300)

    world = run(tmp_path, scene)
    [report] = told(world)
    assert report.dispensed["CNY-100-coin"] == 1
    given = sum(debt.amount_minor for debt in report.debts) + purse_gained(world)
    assert given == 300


def test_what_is_learned_later_comes_as_a_higher_revision(tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        dispense = world.hopper.dispense

        async def dispense_and_fall_silent(counts: dict[object, int], mark: str) -> None:
            await dispense(counts, mark)  # type: ignore[arg-type]
            world.hopper.is_plugged = False

        world.hopper.dispense = dispense_and_fall_silent  # type: ignore[method-assign,assignment]
        await world.pay_out("r1", 200)
        [first] = told(world)
        assert [(debt.amount_minor, debt.in_doubt) for debt in first.debts] == [(200, True)]
        world.hopper.run_on()
        world.hopper.is_plugged = True
        await world.till.tick()
        await world.settle()

    world = run(tmp_path, scene)
    last = told(world)[-1]
    assert last.revision == 1
    assert last.dispensed == {"CNY-100-coin": 2}
    assert [(debt.amount_minor, debt.in_doubt) for debt in last.debts] == [(0, False)]
    assert purse_gained(world) == 200


def test_a_coin_that_comes_meanwhile_is_not_the_refund_s(tmp_path: Path) -> None:
    """One that was still rolling when the refund began, and of which nobody can say whose it is."""

    async def scene(world: World) -> None:
        world.purse[JIAO5] -= 1
        await world.till.pay_out("r1", Money(500, "CNY"))
        world.coins._swallow(JIAO5)
        world.coins.unknown()
        world.notes.wanted = frozenset({YUAN5})
        world.insert(YUAN5)
        assert world.till.view().state == "returning"

    world = run(tmp_path, scene)
    [report] = told(world)
    assert report.debts == []
    [stray] = [r.body for r in world.server if isinstance(r.body, PaymentFinished)]
    assert stray.stray
    assert [(debt.reason, debt.amount_minor) for debt in stray.debts] == [("late", 50)]


def test_nobody_waits_for_money_after_a_long_power_cut(tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        begin = world.stacker.begin

        async def dark() -> str:
            world.power.cut_at = world.power.steps + 1
            return await begin()

        world.stacker.begin = dark  # type: ignore[method-assign]
        await world.pay_out("r1", 500)
        world.stacker.begin = begin  # type: ignore[method-assign]
        assert world.power.is_dead
        await world.switch_off()
        world.clock.advance(3600)
        await world.switch_on()

    world = run(tmp_path, scene)
    [report] = told(world)
    assert [(debt.reason, debt.amount_minor) for debt in report.debts] == [("abandoned", 500)]
    assert purse_gained(world) == 0


def test_the_day_counts_refunds_apart_from_payments(tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        await world.begin("p1", 503)
        world.insert(YUAN5)
        await world.settle()
        await world.pay_out("r1", 203)
        report = world.till.staff.close_day("Li Na")
        assert (report.payments_paid, report.net_minor) == (1, 500)
        assert (report.payouts, report.payouts_minor, report.rounding_minor) == (1, 203, -3 + 3)
        assert report.closing["shopper"] == {"CNY-100-coin": 2, "CNY-500-note": -1}
        again = world.till.staff.close_day("Li Na")
        assert (again.payouts, again.payouts_minor, again.rounding_minor) == (0, 0, 0)

    world = run(tmp_path, scene)
    assert sum(isinstance(r.body, DayClosed) for r in world.server) == 2


def refund(amount_minor: int) -> Step:
    return lambda world: world.pay_out("r1", amount_minor)


async def empty_hoppers(world: World) -> None:
    for port in (world.hopper, world.hopper5):
        world.till.staff.empty(port.name, "Li Na", f"empty {port.name}")
        port.pieces.clear()


SCENES: dict[str, Sequence[Step]] = {
    "refund": [refund(1354)],
    "refund after a payment": [begin(500), insert(YUAN5), refund(500)],
    "jam": [jam, refund(300), come_loose],
    "not sure": [vague, refund(300)],
    "away and back": [unplug, refund(1000), plug],
    "a payment after it": [refund(500), begin(300), insert(YUAN, YUAN, YUAN)],
}
RUNS = [(scene, False) for scene in SCENES] + [(scene, True) for scene in ("refund", "jam", "not sure")]


@pytest.mark.parametrize(("scene", "device_runs_on"), RUNS)
def test_a_cut_at_every_step(scene: str, device_runs_on: bool, tmp_path: Path) -> None:
    """Power is cut at every call to a device and every commit; the shopper gets the amount once, or a slip."""

    async def once(cut_at: int | None) -> tuple[int, int]:
        world = World(tmp_path / f"{cut_at}.sqlite")
        world.power.cut_at = cut_at
        steps = await play(world, SCENES[scene], device_runs_on=device_runs_on)
        await finish(world)
        world.check(suspense_max=3 if scene == "not sure" else 0)
        session = world.books.session("r1")
        assert session is not None
        assert session.state == "finished"
        if scene in {"refund", "a payment after it", "refund after a payment"}:
            assert not any(debt.amount_minor for debt in session.debts), "everything works: it is given"
        given = sum(piece.value_minor * count for piece, count in session.given().items())
        assert given + sum(debt.amount_minor for debt in session.debts) == session.cash_due_minor
        paid = sum(world.session(name).cash_due_minor for name in ("p1",) if world.books.session(name) is not None)
        lost = sum(
            piece.value_minor * count
            for place in ("hopper", "hopper5", "notes")
            for piece, count in held(world.books.contents, f"suspense:{dispenser(place)}").items()
        )
        assert given - paid <= purse_gained(world) <= given - paid + lost
        await world.switch_off()
        return world.steps_of_start, steps

    async def everywhere() -> None:
        start, steps = await once(None)
        for cut_at in range(start, steps + 1):
            try:
                await once(cut_at)
            except AssertionError as error:
                raise AssertionError(f"cut at step {cut_at} of {steps}") from error

    asyncio.run(everywhere())
