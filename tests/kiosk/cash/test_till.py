"""Payments from beginning to end: change, cancellation, foreign money, staff, the day, and the journal."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from tests.kiosk.cash.plays import finished, put, run
from tests.kiosk.cash.world import (
    EURO10,
    JIAO5,
    YUAN,
    YUAN5,
    YUAN10,
    YUAN20,
    YUAN50,
    World,
)

from unqueue.kernel.money import Money
from unqueue.kiosk.cash.refusals import CashConflict, CashUnavailable, JournalInUse, TillBusy
from unqueue.kiosk.cash.reports import CashMoved, DayClosed
from unqueue.kiosk.cash.store import CashJournal


def test_change(tmp_path: Path) -> None:
    async def play(world: World) -> None:
        await world.begin("p1", 1353)
        view = world.till.view()
        assert (view.cash_due_minor, view.rounding_minor, view.remaining_minor) == (1350, -3, 1350)
        await put(world, YUAN10, YUAN5)

    world = run(tmp_path, play)
    report = finished(world)
    assert (report.outcome, report.credited_minor, report.change_minor, report.net_minor) == ("paid", 1500, 150, 1350)
    assert report.dispensed == {"CNY-100-coin": 1, "CNY-50-coin": 1}
    assert [(t.denomination, t.count, t.place) for t in report.tendered] == [
        ("CNY-500-note", 1, "dispenser:notes"), ("CNY-1000-note", 1, "dispenser:notes"),
    ]  # fmt: skip


def test_what_may_be_taken_is_said_before_and_kept_to(tmp_path: Path) -> None:
    async def play(world: World) -> None:
        await world.begin("p1", 1000)
        view = world.till.view()
        assert {a.denomination for a in view.accepted} >= {"CNY-1000-note", "CNY-2000-note"}
        refused = {r.denomination: r for r in view.refused}
        assert refused["CNY-5000-note"].reason == "change"
        assert "¥50.00" in refused["CNY-5000-note"].zh
        assert not world.insert(YUAN50)
        # A device that let it in all the same is told to give it back.
        world.notes.wanted |= {YUAN50}
        assert world.insert(YUAN50)
        await world.settle()
        assert world.session("p1").pieces == ()
        await put(world, YUAN10)

    world = run(tmp_path, play, yuan=5, notes={YUAN5: 1})
    assert finished(world).outcome == "paid"


def test_a_cancelled_payment_gives_the_same_pieces_back(tmp_path: Path) -> None:
    async def play(world: World) -> None:
        await world.begin("p1", 5000)
        await put(world, YUAN20, YUAN5, YUAN, YUAN)
        await world.till.cancel("p1")

    world = run(tmp_path, play)
    assert finished(world).dispensed == {"CNY-2000-note": 1, "CNY-500-note": 1, "CNY-100-coin": 2}
    assert world.purse == world.purse_at_first


def test_a_piece_in_the_cashbox_comes_back_as_others_of_its_value(tmp_path: Path) -> None:
    async def play(world: World) -> None:
        await world.begin("p1", 9000)
        await put(world, YUAN50)
        await world.till.cancel("p1")

    world = run(tmp_path, play)
    report = finished(world)
    assert (report.outcome, report.net_minor, report.debts) == ("cancelled", 0, [])
    assert world.notes.box == {YUAN50: 1}
    assert sum(int(text.split("-")[1]) * count for text, count in report.dispensed.items()) == 5000


def test_time_runs_out(tmp_path: Path) -> None:
    async def play(world: World) -> None:
        await world.begin("p1", 5000, seconds=60)
        await put(world, YUAN20)
        world.clock.advance(59)
        await world.till.extend("p1", world.clock.now() + timedelta(seconds=60))
        world.clock.advance(59)
        await world.till.tick()
        assert world.session("p1").state == "taking"
        world.clock.advance(1)
        await world.till.tick()

    world = run(tmp_path, play)
    assert (finished(world).outcome, finished(world).reason) == ("cancelled", "timeout")
    assert world.purse == world.purse_at_first


def test_foreign_money(tmp_path: Path) -> None:
    async def play(world: World) -> None:
        await world.begin("p1", 7500)
        await put(world, EURO10)

    world = run(tmp_path, play)
    report = finished(world)
    assert (report.credited_minor, report.change_minor, report.net_minor) == (7850, 350, 7500)
    assert [(e.currency, e.rate, e.face_minor, e.credited_minor, e.rounding_minor) for e in report.exchanged] == [
        ("EUR", "7.8523", 1000, 7850, "-23/10")
    ]


def test_one_payment_at_a_time_and_the_same_again_is_the_same(tmp_path: Path) -> None:
    async def play(world: World) -> None:
        later = world.clock.now() + timedelta(seconds=60)
        await world.begin("p1", 500)
        await world.begin("p1", 500)
        with pytest.raises(CashConflict):
            await world.begin("p1", 600)
        with pytest.raises(TillBusy):
            await world.begin("p2", 500)
        with pytest.raises(TillBusy):
            world.till.staff.empty("hopper", "Li Na", "e1")
        await put(world, YUAN5)
        assert (await world.till.begin("p1", Money(500, "CNY"), later)).outcome == "paid"
        with pytest.raises(CashUnavailable):
            await world.till.begin("p3", Money(500, "EUR"), later)
        with pytest.raises(CashUnavailable) as refused:  # no jiao goes in or out
            await world.begin("p4", 510)
        assert "can't be met" in refused.value.details["detail"]

    run(tmp_path, play)


def test_the_server_is_away(tmp_path: Path) -> None:
    async def play(world: World) -> None:
        world.server_is_away = True
        await world.begin("p1", 500)
        await put(world, YUAN5)
        assert world.till.view().outcome == "paid"
        await world.switch_off()
        await world.switch_on()
        await world.settle()
        world.server_is_away = False
        world.till._desk.show()

    world = run(tmp_path, play)
    assert finished(world).net_minor == 500
    assert [report.seq for report in world.server] == sorted({report.seq for report in world.server})


def test_cash_up_has_names_and_adds_up(tmp_path: Path) -> None:
    async def play(world: World) -> None:
        staff = world.till.staff
        await world.begin("p1", 5000)
        await put(world, YUAN50)
        world.coins.wanted = frozenset()
        world.notes.box.clear()
        world.notes.trouble("cashbox_removed", blocks=True)
        world.notes.trouble("cashbox_replaced")
        await world.settle()
        [counts] = [entry for entry in await staff.counts() if entry.device == "notes"]
        assert (counts.cashbox, counts.removed) == ({}, {"CNY-5000-note": 1})
        staff.remove_cashbox("notes", "Li Na", "c1", {YUAN50: 1})
        staff.remove_cashbox("notes", "Li Na", "c1", {YUAN50: 1})
        world.hopper.pieces[YUAN] = 0
        staff.empty("hopper", "Wang Wei", "e1", {YUAN: 19})
        world.hopper5.pieces[JIAO5] += 7
        staff.fill_float("hopper5", {JIAO5: 7}, "Wang Wei", "f1")
        report = staff.close_day("Wang Wei")
        assert report.payments_paid == 1
        assert report.net_minor == 5000
        assert report.flows["dispenser:hopper>difference"] == {"CNY-100-coin": 1}
        assert report.flows["dispenser:hopper>staff"] == {"CNY-100-coin": 19}
        assert report.flows["cashbox:notes>staff"] == {"CNY-5000-note": 1}
        assert report.closing["dispenser:hopper5"] == {"CNY-50-coin": 17}
        assert report.opening == {}
        again = staff.close_day("Wang Wei")
        assert (again.opening, again.flows) == (report.closing, {})

    world = run(tmp_path, play)
    moved = [(r.body.action, r.body.by) for r in world.server if isinstance(r.body, CashMoved)]
    assert moved[3:] == [("remove_cashbox", "Li Na"), ("empty", "Wang Wei"), ("fill_float", "Wang Wei")]
    assert sum(isinstance(r.body, DayClosed) for r in world.server) == 2


def test_a_fault_of_ours_stops_the_till(tmp_path: Path) -> None:
    """What is not foreseen halts it: no more money is taken, and the next start recovers."""

    async def play(world: World) -> None:
        await world.begin("p1", 5000)
        levels = world.stacker.levels

        async def nonsense() -> dict[object, int]:
            raise RuntimeError("a fault of ours")

        world.stacker.levels = nonsense  # type: ignore[method-assign,assignment]
        assert world.insert(YUAN20)
        with pytest.raises(RuntimeError, match="a fault of ours"):
            await asyncio.wait_for(world.till.wait_failed(), 2)
        assert world.till.view().state == "halted"
        assert not world.notes.wanted
        world.till._desk.session = None
        with pytest.raises(CashUnavailable):
            await world.begin("p2", 500)
        world.stacker.levels = levels  # type: ignore[method-assign]
        world.till._failure = None
        await world.switch_off()
        world.notes.reject("asked")
        await world.switch_on()

    run(tmp_path, play)


def test_two_tills_never_share_a_journal(tmp_path: Path) -> None:
    journal = CashJournal(tmp_path / "cash.sqlite", "k1")
    assert journal._row("PRAGMA synchronous")[0] == 2, "FULL"
    with pytest.raises(JournalInUse):
        CashJournal(tmp_path / "cash.sqlite", "k1")
    journal.close()
    CashJournal(tmp_path / "cash.sqlite", "k1").close()


def test_the_journal_is_append_only(tmp_path: Path) -> None:
    async def play(world: World) -> None:
        for table in ("entries", "movements"):
            for change in (f"DELETE FROM {table}", f"UPDATE {table} SET seq = seq + 1000"):
                with pytest.raises(Exception, match="append-only"):
                    world.books._connection.execute(change)

    run(tmp_path, play)
