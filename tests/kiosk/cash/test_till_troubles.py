"""What goes wrong with devices and money on the way: nobody loses any, and staff hear of it."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.kiosk.cash.fakes import PowerCut
from tests.kiosk.cash.plays import called_staff, finished, put, run
from tests.kiosk.cash.world import (
    YUAN,
    YUAN5,
    YUAN10,
    YUAN20,
    YUAN50,
    World,
)

from unqueue.devices.ports import DeviceFailed, Payout
from unqueue.kiosk.cash.ledger import dispenser, held, suspense
from unqueue.kiosk.cash.refusals import UnknownDebt
from unqueue.kiosk.cash.reports import DebtSettled, PaymentFinished


def test_a_jam_becomes_other_coins(tmp_path: Path) -> None:
    async def play(world: World) -> None:
        await world.begin("p1", 300)
        world.hopper.jams_after = 1
        await put(world, YUAN5)

    world = run(tmp_path, play)
    report = finished(world)
    assert report.dispensed == {"CNY-100-coin": 1, "CNY-50-coin": 2}
    assert not report.debts
    assert called_staff(world) == [("hopper", "jam", True)]


def test_change_that_can_not_be_given_is_a_named_debt(tmp_path: Path) -> None:
    async def play(world: World) -> None:
        await world.begin("p1", 200)
        world.hopper.jams_after = 1
        await put(world, YUAN5)
        world.check()
        [owed] = world.books.debts()
        assert (owed.payment_id, owed.debt.amount_minor, owed.debt.in_doubt) == ("p1", 100, False)
        world.till.staff.settle_debt(owed.debt.number, "Li Na")
        with pytest.raises(UnknownDebt):
            world.till.staff.settle_debt(owed.debt.number, "Li Na")
        assert world.books.debts() == []
        await world.settle()

    world = run(tmp_path, play, jiao5=2)
    report = finished(world)
    assert report.dispensed == {"CNY-100-coin": 1, "CNY-50-coin": 2}
    assert (report.debts_minor, report.net_minor) == (100, 200)
    assert report.debts[0].number == "k1-000018"  # kiosk, running number, check digit
    assert [r.body.by for r in world.server if isinstance(r.body, DebtSettled)] == ["Li Na"]


def test_a_hopper_that_is_emptier_than_the_books(tmp_path: Path) -> None:
    async def play(world: World) -> None:
        await world.begin("p1", 300)
        lost = world.hopper.pieces[YUAN] - 1
        levels = dict(world.hopper.pieces)

        async def says_what_the_books_say() -> dict[object, int]:
            return levels  # type: ignore[return-value]

        world.hopper.levels = says_what_the_books_say  # type: ignore[method-assign,assignment]
        world.hopper.pieces[YUAN] = 1
        await put(world, YUAN5)
        assert called_staff(world) == [("hopper", "empty", True)]
        world.till.staff.recount("hopper", {}, "Li Na", "r1")
        assert world.books.contents["difference"][YUAN] == lost
        world.till.staff.unlock("hopper", "Li Na")
        await world.settle()

    world = run(tmp_path, play)
    assert finished(world).dispensed == {"CNY-100-coin": 1, "CNY-50-coin": 2}


def test_a_payout_without_an_end_is_a_debt_until_the_device_is_back(tmp_path: Path) -> None:
    async def play(world: World) -> None:
        await world.begin("p1", 300)
        answer = world.hopper.dispense

        async def dispense_and_die(*args: object) -> None:
            await answer(*args)  # type: ignore[arg-type]
            world.hopper.move("hopper#0")
            world.hopper.is_plugged = False

        world.hopper.dispense = dispense_and_die  # type: ignore[method-assign,assignment]
        await put(world, YUAN5)
        [owed] = world.books.debts()
        assert (owed.debt.amount_minor, owed.debt.in_doubt) == (200, True)
        yesterday = world.till.staff.close_day("Li Na")
        assert (yesterday.payments_paid, yesterday.change_minor, len(yesterday.debts_open)) == (1, 0, 1)
        assert finished(world).revision == 0
        world.check(suspense_max=2)
        world.hopper.is_plugged = True
        world.hopper.run_on()
        await world.till.tick()
        await world.settle()
        assert world.books.debts() == []
        world.check()
        today = world.till.staff.close_day("Li Na")
        assert (today.payments_paid, today.credited_minor, today.change_minor, today.debts_open) == (0, 0, 200, [])

    world = run(tmp_path, play)
    report = finished(world)
    assert (report.revision, report.change_minor, report.debts_minor) == (1, 200, 0)


def test_a_device_that_is_not_sure_leaves_a_debt_in_doubt_and_no_second_payout(tmp_path: Path) -> None:
    """It gave one coin and is not sure of it: staff count, and know."""

    async def play(world: World) -> None:
        await world.begin("p1", 200)
        world.hopper.is_exact, world.hopper.jams_after = False, 1
        await put(world, YUAN5)
        [owed] = world.books.debts()
        assert (owed.debt.amount_minor, owed.debt.in_doubt) == (300, True)
        assert world.session("p1").dispensed == {}
        assert world.purse[YUAN] == world.purse_at_first[YUAN] + 1
        assert world.books.locks().keys() == {"hopper"}
        world.till.staff.recount("hopper", {YUAN: 19}, "Li Na", "r1")
        assert world.books.contents["difference"][YUAN] == 1
        assert not held(world.books.contents, suspense(dispenser("hopper")))
        world.till.staff.settle_debt(owed.debt.number, "Li Na")
        world.purse[YUAN] = world.purse_at_first[YUAN]  # the one it gave is the difference; by hand she gave 2

    run(tmp_path, play)


def test_a_device_that_has_not_said_its_mark_takes_nothing(tmp_path: Path) -> None:
    async def play(world: World) -> None:
        await world.begin("p1", 200)
        assert not world.insert(YUAN)
        world.coins.mark = mark  # type: ignore[method-assign]
        await asyncio.sleep(0.01)
        await world.settle()
        await put(world, YUAN, YUAN)

    async def away() -> str:
        raise DeviceFailed(device="coins", detail="not connected yet")

    world = World(tmp_path / "cash.sqlite")
    mark = world.coins.mark
    world.coins.mark = away  # type: ignore[method-assign]
    run(tmp_path, play, world)


def test_dispensers_that_are_not_there_yet_after_a_start_are_waited_for(tmp_path: Path) -> None:
    async def play(world: World) -> None:
        begin = world.hopper.begin

        async def dark() -> str:
            world.power.is_dead = True
            raise PowerCut

        world.hopper.begin = dark  # type: ignore[method-assign]
        await world.begin("p1", 200)
        await put(world, YUAN5)
        world.hopper.begin = begin  # type: ignore[method-assign]
        await world.switch_off()
        world.hopper.is_plugged = False
        await world.switch_on()
        for _ in range(20):
            await asyncio.sleep(0)
        assert world.till.view().state == "changing"
        world.hopper.is_plugged = True

    world = run(tmp_path, play, jiao5=0)
    assert (finished(world).dispensed, finished(world).debts) == ({"CNY-100-coin": 3}, [])


def test_a_device_in_doubt_pays_nothing_else_even_when_unlocked(tmp_path: Path) -> None:
    """What it gives later could not be told from what it gave then."""

    async def play(world: World) -> None:
        await world.begin("p1", 300)
        answer = world.hopper.dispense

        async def dispense_and_die(*args: Any) -> None:
            await answer(*args)
            world.hopper.is_plugged = False

        world.hopper.dispense = dispense_and_die  # type: ignore[method-assign,assignment]
        await put(world, YUAN5)
        world.hopper.dispense = answer  # type: ignore[method-assign]
        world.till.staff.unlock("hopper", "Li Na")
        payout = world.hopper.payout
        world.hopper.is_plugged = True

        async def moving(_: str) -> Payout:
            return Payout(paid={}, done=False)

        world.hopper.payout = moving  # type: ignore[method-assign]
        await world.begin("p2", 400)
        await put(world, YUAN5)
        assert world.session("p2").dispensed == {"CNY-50-coin": 2}
        world.hopper.payout = payout  # type: ignore[method-assign]
        world.hopper.run_on()
        await world.till.tick()

    world = run(tmp_path, play)
    assert (finished(world).dispensed, finished(world).debts_minor) == ({"CNY-100-coin": 2}, 0)


def test_more_coins_than_one_payout_takes(tmp_path: Path) -> None:
    async def play(world: World) -> None:
        for device in world.till._desk.machine.devices.values():
            device.settings = msgspec.structs.replace(device.settings, payout_max=2)
        await world.begin("p1", 300)
        await put(world, YUAN20)

    world = run(tmp_path, play, notes={})
    assert finished(world).dispensed == {"CNY-100-coin": 17}
    assert world.hopper.begun == 9


def test_a_pulled_coin_counts_no_longer_and_an_honest_shopper_has_a_slip(tmp_path: Path) -> None:
    async def play(world: World) -> None:
        await world.begin("p1", 300)
        await put(world, YUAN)
        world.hopper.pieces[YUAN] -= 1
        world.purse[YUAN] += 1
        world.coins.trouble("fraud")
        await world.settle()
        session = world.session("p1")
        assert (session.inserted_minor, session.state) == (0, "taking")
        assert not world.insert(YUAN), "the acceptor is locked"
        await put(world, YUAN5)

    world = run(tmp_path, play)
    report = finished(world)
    assert (report.outcome, report.net_minor, report.debts[0].reason, report.debts[0].in_doubt) == (
        "paid", 300, "disputed", True,
    )  # fmt: skip
    assert ("coins", "fraud", True) in called_staff(world)


def test_counterfeit_goes_back(tmp_path: Path) -> None:
    async def play(world: World) -> None:
        await world.begin("p1", 2000)
        world.notes.escrow = YUAN20
        world.purse[YUAN20] -= 1
        world.notes.reject("counterfeit")
        await world.settle()
        assert world.session("p1").inserted_minor == 0

    run(tmp_path, play)


def test_unknown_money_locks_the_device_and_gives_a_slip(tmp_path: Path) -> None:
    async def play(world: World) -> None:
        await world.begin("p1", 2000)
        world.notes.unknown()
        await world.settle()
        assert not world.insert(YUAN20)
        assert [entry.debt.reason for entry in world.books.debts()] == ["unknown"]
        await world.till.cancel("p1")

    world = run(tmp_path, play)
    assert called_staff(world) == [("notes", "credit_unknown", True)]
    assert finished(world).unknown == ["events were lost"]


def test_a_full_cashbox_stops_what_would_go_there(tmp_path: Path) -> None:
    async def play(world: World) -> None:
        await world.begin("p1", 5000)
        assert world.notes.wanted >= {YUAN10, YUAN50}
        world.notes.trouble("full")
        await world.settle()
        assert YUAN50 not in world.notes.wanted
        assert YUAN10 in world.notes.wanted
        assert {r.reason for r in world.till.view().refused if r.denomination == "CNY-5000-note"} == {"full"}
        world.notes.trouble("cashbox_removed", blocks=True)
        await world.settle()
        assert not world.notes.wanted
        world.notes.trouble("cashbox_replaced")
        await world.settle()
        assert world.notes.wanted >= {YUAN10, YUAN50}

    run(tmp_path, play)


def test_unplugged_and_plugged(tmp_path: Path) -> None:
    async def play(world: World) -> None:
        await world.begin("p1", 1000)
        await put(world, YUAN5)
        world.notes.is_plugged = world.stacker.is_plugged = False
        world.notes.trouble("unplugged", blocks=True)
        world.notes.wanted = frozenset()
        await world.settle()
        assert [d.ready for d in world.till.view().devices if d.device == "notes"] == [False]
        await put(world, YUAN)
        world.notes.is_plugged = world.stacker.is_plugged = True
        world.notes.trouble("back")
        await world.settle()
        await world.till.tick()
        await put(world, YUAN5)

    world = run(tmp_path, play)
    assert finished(world).dispensed == {"CNY-100-coin": 1}


def test_what_takes_nothing_is_at_rest(tmp_path: Path) -> None:
    """A device that is switched off overnight is no riddle: it is known that nothing was let in."""

    async def play(world: World) -> None:
        heard: list[str | None] = []
        events = world.coins.events

        def listening(after: str | None) -> object:
            heard.append(after)
            return events(after)

        world.coins.events = listening  # type: ignore[method-assign,assignment]
        await world.begin("p1", 200)
        await put(world, YUAN)
        await world.recover()
        await world.settle()
        await put(world, YUAN)
        await world.till.tick()
        assert world.books.is_at_rest("coins")
        await world.recover()
        await world.settle()
        assert heard == ["coins@1", "coins@2r"]
        await world.begin("p2", 200)
        assert not world.books.is_at_rest("coins"), "before it takes anything"
        await world.till.cancel("p2")

    run(tmp_path, play)


@pytest.mark.parametrize(("kind", "at_rest"), [("unplugged", True), ("back", False), ("reset", False)])
def test_what_is_unplugged_while_it_takes_nothing_stays_at_rest(tmp_path: Path, kind: str, at_rest: bool) -> None:
    """The plug of the whole kiosk is pulled: the device goes first, the kiosk hears of that, and goes, too."""

    async def play(world: World) -> None:
        await world.recover()
        await world.settle()
        await world.till.tick()
        assert world.books.is_at_rest("coins")
        world.coins.trouble(kind, blocks=kind == "unplugged")
        await world.settle()
        assert world.books.is_at_rest("coins") is at_rest

    run(tmp_path, play)


def test_what_is_unplugged_while_it_takes_money_is_not_at_rest(tmp_path: Path) -> None:
    async def play(world: World) -> None:
        await world.begin("p1", 200)
        world.coins.trouble("unplugged", blocks=True)
        await world.settle()
        assert not world.books.is_at_rest("coins")
        await world.till.cancel("p1")

    run(tmp_path, play)


def test_an_event_that_comes_twice_counts_once(tmp_path: Path) -> None:
    async def play(world: World) -> None:
        await world.begin("p1", 300)
        await put(world, YUAN)
        device = world.till._desk.machine.device("coins")
        await world.till._hearing.hear(device, world.coins, world.coins.log[-1])
        assert world.session("p1").inserted_minor == 100

    run(tmp_path, play)


def test_money_that_comes_by_itself_goes_straight_back(tmp_path: Path) -> None:
    async def play(world: World) -> None:
        world.coins.wanted = frozenset({YUAN})
        await put(world, YUAN)

    world = run(tmp_path, play)
    [report] = [r.body for r in world.server if isinstance(r.body, PaymentFinished)]
    assert (report.stray, report.outcome, report.dispensed) == (True, "cancelled", {"CNY-100-coin": 1})
    assert world.purse == world.purse_at_first


def test_a_note_that_was_stuck_belongs_to_who_put_it_in(tmp_path: Path) -> None:
    """It is credited an hour later, while somebody else pays: the first one gets a slip, the second one nothing."""

    async def play(world: World) -> None:
        await world.begin("p1", 5000)
        piece = YUAN20

        async def stuck() -> None:
            world.notes.power.step()

        stack = world.notes.stack
        world.notes.stack = stuck  # type: ignore[method-assign]
        assert world.insert(piece)
        await world.settle()
        await world.till.cancel("p1")
        await world.settle()
        world.notes.stack = stack  # type: ignore[method-assign]
        await world.begin("p2", 200)
        await world.notes.stack()
        await world.settle()
        assert world.session("p2").inserted_minor == 0
        await put(world, YUAN, YUAN)

    world = run(tmp_path, play)
    report = finished(world)
    assert (report.revision, report.debts_minor, report.debts[0].reason) == (1, 2000, "late")
    assert finished(world, "p2").credited_minor == 200


def test_nobody_is_there_any_more(tmp_path: Path) -> None:
    """After a long power cut money is not laid in the tray."""

    async def play(world: World) -> None:
        await world.begin("p1", 5000)
        await put(world, YUAN20)
        await world.switch_off()
        world.clock.advance(3600)
        await world.switch_on()

    world = run(tmp_path, play)
    report = finished(world)
    assert (report.outcome, report.dispensed, report.debts[0].reason) == ("cancelled", {}, "abandoned")
