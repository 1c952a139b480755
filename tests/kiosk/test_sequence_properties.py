"""From every state every event leads somewhere sensible, and welcome knows nothing of anybody."""

from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.support.kiosk_rig import METHODS, NUMBER, TOTAL_MINOR, Rig

from unqueue.kiosk.screen import show
from unqueue.kiosk.sequence.words import (
    BeginCash,
    Cancel,
    CancelCash,
    CashRefused,
    CashSeen,
    Code,
    DeviceSeen,
    Done,
    GiveBack,
    HelpAsked,
    Notice,
    Pay,
    PrintAgain,
    Speak,
    Stay,
    TakeOff,
)

PRESSES = (
    Code(NUMBER), Code("SAVE2"), Code("card-with-5"), Code("nonsense"), Pay("cash"), Pay("cash", 300), Pay("wallet"),
    Pay("wallet", 100), Pay("card-1"), Pay("store-card", None, "card-with-5"), Cancel(), GiveBack(), TakeOff("r1"),
    Speak("en"), Stay(), PrintAgain(), HelpAsked(), Done(),
)  # fmt: skip
moves = st.one_of(
    st.sampled_from(PRESSES).map(lambda press: ("press", press)),
    st.sampled_from([0.5, 5.0, 30.0, 90.0, 130.0]).map(lambda seconds: ("wait", seconds)),
    st.sampled_from([100, 500, 2000]).map(lambda minor: ("insert", minor)),
    st.sampled_from(["succeeded", "failed", "closed"]).map(lambda status: ("end", status)),
    st.sampled_from(["away", "back", "serve", "tell", "cash gone", "cash back", "phone pays", "close", "restart",
                     "till refuses", "slow till", "quick till"]).map(lambda what: ("world", what)),
)  # fmt: skip


class World(Rig):
    """The rig, and what must hold after each thing that happens."""

    def move(self, kind: str, what: Any) -> None:
        if kind == "press":
            self.hear(what)
        elif kind == "wait":
            self.wait(what, pace_s=2.5)
        elif kind == "insert":
            if self.cash.state == "taking":
                self.insert(what)
        elif kind == "end":
            open_payment = self.order.open_payment
            if open_payment is not None and open_payment.method != "cash":
                self.end(what)
        else:
            self._happens(what)
        if not self.is_away:
            self._settle_cash()
            self.serve()
        self.check()

    def _happens(self, what: str) -> None:  # noqa: C901  # a table of what happens
        open_payment = self.order.open_payment
        if what in {"away", "back"}:
            self.is_away = what == "away"
            self.hear(DeviceSeen("server", "failed" if self.is_away else "ready"))
        elif what == "serve":
            self.serve()
        elif what == "tell":
            self.tell()
        elif what in {"cash gone", "cash back"}:
            self.hear(DeviceSeen("cash", "failed" if what == "cash gone" else "ready"))
        elif what == "phone pays" and open_payment is None and self.order.status == "open":
            self.pay("wallet", self.order.due.amount_minor, "succeeded", place="")
        elif what == "close" and open_payment is None:
            self.closed = True
        elif what == "restart":
            self.begins_later.clear()
            order_id = self.kiosk.order_id
            self.kiosk = type(self.kiosk)()
            self.hear(CashSeen(self.cash))
            self.start(order_id)
        elif what == "till refuses":
            tender = self.kiosk.tender
            if tender is not None and tender.payment_id and self.cash.payment_id != tender.payment_id:
                self.hear(CashRefused(tender.payment_id, Notice("cash_unavailable", "不收", "No.")))
        elif what == "slow till":
            self.answers_slowly = True
        elif what == "quick till":
            self.answer_at_last()

    def _settle_cash(self) -> None:
        """What the till knows of the open payment reaches the server: its end, or that it never began."""
        open_payment = self.order.open_payment
        if open_payment is None or open_payment.method != "cash":
            return
        own = self.cash.payment_id == open_payment.payment_id
        if own and self.cash.state == "finished":
            self.report("succeeded" if self.cash.outcome == "paid" else "closed")
        elif not own and self.kiosk.tender is None:
            self.report("closed")

    def check(self) -> None:
        kiosk = self.kiosk
        shown = show(kiosk, self.now_s, self.config, name="1", seq=0)
        if shown.phase in {"welcome", "out_of_service"} and kiosk.phase != "starting":
            assert (shown.order, shown.tender, shown.cash, shown.receipt, shown.timeout) == (None,) * 5
            # Whoever goes leaves no money that is being taken.
            assert self.cash.state != "taking" or self.answers_slowly
        if shown.phase == "tender" and kiosk.phase != "starting":
            assert shown.tender is not None
        if shown.phase in {"order", "giving_back", "paid"}:
            assert shown.order is not None
        if shown.phase == "paid":
            assert self.order.status != "open" or self.closed


@settings(max_examples=300, deadline=None)
@given(st.lists(moves, max_size=40))
@example([("press", Code("104729389")), ("world", "slow till"), ("press", Pay("cash"))])
def test_every_event_in_every_state(happened: list[tuple[str, Any]]) -> None:
    world = World().start()
    for kind, what in happened:
        world.move(kind, what)
    begun = [one.payment_id for one in world.commands if isinstance(one, BeginCash)]
    assert len(begun) == len(set(begun))  # no payment is begun twice
    assert {one.payment_id for one in world.commands if isinstance(one, CancelCash)} <= {
        payment.payment_id for payment in world.payments
    }
    # However it went: with server and till back and nobody there, the kiosk comes to rest, and nobody's money is in it.
    world.is_away = False
    world.answer_at_last()
    for name in ("server", "cash"):
        world.hear(DeviceSeen(name, "ready"))
    for _ in range(20):
        world.move("wait", 30.0)
        world.move("world", "tell")
    assert world.kiosk.phase == "welcome"
    assert not world.cash.is_open
    kept = [one for one in world.payments if one.status == "succeeded"]
    assert world.order.status != "open" or not kept or world.kiosk.order is None


def test_the_methods_of_the_rig_are_those_of_a_kiosk() -> None:
    assert {one.kind for one in METHODS} >= {"cash", "stored_value"}
    assert TOTAL_MINOR > 0
