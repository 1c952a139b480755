"""The kiosk's sequence as tables: what a shopper does, and what the screen then shows."""

from typing import Any

import pytest
from tests.support.kiosk_rig import METHODS, NUMBER, TOKEN, TOTAL_MINOR, Rig, cny

from unqueue.kiosk.cash.session import Debt
from unqueue.kiosk.sequence.words import (
    BeginCash,
    CallSeen,
    Cancel,
    CancelCash,
    CashRefused,
    CashSeen,
    Code,
    DeviceSeen,
    Done,
    ExtendCash,
    GiveBack,
    HelpAsked,
    MethodsSeen,
    Notice,
    Pay,
    PrintAgain,
    PrintReceipt,
    PrintSlip,
    RaiseAlarm,
    Speak,
    Stay,
    Tick,
)


def said(rig: Rig) -> tuple[str, str]:
    shown = rig.shown()
    return shown.phase, shown.prompt.id


def commands(rig: Rig, kind: type) -> list[Any]:
    return [command for command in rig.commands if isinstance(command, kind)]


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (NUMBER, ("order", "choose_tender")),
        ("104 729 389", ("order", "choose_tender")),
        (f"https://store.example/o/{TOKEN}", ("order", "choose_tender")),
        ("104729388", ("welcome", "number_wrong")),
        ("12", ("welcome", "number_wrong")),
        ("https://store.example/o/o_other", ("welcome", "welcome")),
    ],
)
def test_a_code_opens_its_order(code: str, expected: tuple[str, str]) -> None:
    rig = Rig().start()
    rig.hear(Code(code))
    rig.serve()
    assert said(rig) == expected


@pytest.mark.parametrize(
    ("method", "prompt"), [("cash", "insert_cash"), ("wallet", "scan_qr"), ("card-1", "use_terminal")]
)
def test_each_tender_says_what_to_do(method: str, prompt: str) -> None:
    rig = Rig().open()
    rig.hear(Pay(method))
    rig.serve()
    assert said(rig) == ("tender", prompt)
    shown = rig.shown()
    assert shown.tender is not None
    assert (shown.tender.qr_svg is not None) == (method == "wallet")
    assert (shown.cash is not None) == (method == "cash")
    assert shown.voice == prompt


@pytest.mark.parametrize("method", ["wallet", "card-1"])
@pytest.mark.parametrize(
    ("status", "problem", "expected", "notice"),
    [
        ("succeeded", None, ("paid", "thanks"), None),
        ("failed", ("payment_declined", "没有付成", "Declined."), ("order", "not_taken"), "payment_declined"),
        ("closed", None, ("order", "choose_tender"), "tender_stopped"),
    ],
)
def test_how_a_payment_ends(method: str, status: str, problem: Any, expected: tuple[str, str], notice: Any) -> None:
    rig = Rig().open()
    rig.hear(Pay(method))
    rig.serve()
    rig.end(status, problem=problem)
    rig.tell()
    shown = rig.shown()
    prompt = "tender_stopped" if notice == "tender_stopped" else expected[1]
    assert said(rig) == (expected[0], prompt)
    assert (shown.notice.code if shown.notice else None) == notice


def test_several_tenders_one_after_another() -> None:
    rig = Rig().open()
    rig.hear(Code("SAVE2"))
    rig.serve()
    assert rig.shown().notice.code == "coupon_on"  # type: ignore[union-attr]
    rig.hear(Code("card-with-5"))  # no coupon, so it is a card: what lies on it is paid
    rig.serve()
    assert rig.order.due == cny(590)
    rig.hear(Pay("cash", 90))
    rig.serve()
    rig.insert(90)
    assert (rig.shown().phase, rig.order.due) == ("order", cny(500))
    rig.hear(Pay("wallet"))
    rig.serve()
    rig.end("succeeded")
    rig.tell()
    assert said(rig) == ("paid", "thanks")
    assert commands(rig, PrintReceipt) == [PrintReceipt("order-1", "zh")]


@pytest.mark.parametrize(
    ("pay", "code"),
    [
        (Pay("cash", TOTAL_MINOR + 1), "amount_wrong"),
        (Pay("cash", 0), "amount_wrong"),
        (Pay("no-such"), "not_ready"),
        (Pay("store-card"), "scan_card"),
        (Pay("store-card", None, "unknown-card"), "code_unknown"),
    ],
)
def test_what_can_not_be_paid_so(pay: Pay, code: str) -> None:
    rig = Rig().open()
    rig.hear(pay)
    rig.serve()
    notice = rig.shown().notice
    assert (rig.shown().phase, notice.code if notice else None) == ("order", code)


def test_an_empty_card_pays_nothing() -> None:
    rig = Rig().open()
    rig.card_minor = 0
    rig.hear(Code("card-with-5"))
    rig.serve()
    assert (said(rig), rig.payments) == (("order", "card_empty"), [])


def test_cash_is_not_offered_while_its_devices_are_away() -> None:
    rig = Rig().open()
    rig.hear(DeviceSeen("cash", "failed", "unplugged"))
    assert {one.method: one.ready for one in rig.shown().methods}["cash"] is False
    rig.hear(Pay("cash"))
    rig.serve()
    assert (said(rig), rig.payments) == (("order", "no_cash"), [])


def test_cancelled_cash_comes_back_and_the_order_is_free() -> None:
    rig = Rig().open()
    rig.hear(Pay("cash"))
    rig.serve()
    rig.insert(500)
    rig.hear(Cancel())
    assert commands(rig, CancelCash) == [CancelCash("payment-1", "shopper")]
    assert rig.shown().phase == "order"
    rig.hear(Pay("wallet"))
    rig.serve()
    assert rig.shown().phase == "tender"


def test_a_payment_that_the_till_refuses_is_waited_for() -> None:
    """The server has written it down: only its end frees the order."""
    rig = Rig().open()
    rig.answers_slowly = True
    rig.hear(Pay("cash"))
    rig.serve()
    rig.hear(CashRefused("payment-1", Notice("cash_unavailable", "不收", "No cash.", "not_taken")))
    assert said(rig) == ("tender", "not_taken")
    rig.report("closed")
    assert rig.shown().phase == "order"


def test_a_till_that_begins_after_it_was_given_up_is_told_to_give_back() -> None:
    rig = Rig().open()
    rig.answers_slowly = True
    rig.hear(Pay("cash"))
    rig.serve()
    rig.hear(Cancel())
    assert (rig.kiosk.phase, commands(rig, CancelCash)) == ("stopping", [])
    rig.till(state="taking", payment_id="payment-1", currency="CNY", due_minor=TOTAL_MINOR)
    assert commands(rig, CancelCash) == [CancelCash("payment-1", "shopper")]
    assert rig.kiosk.phase == "order"


@pytest.mark.parametrize(
    ("gives", "prompt", "at_desk"), [(True, "gave_back", None), (False, "gave_back_desk", cny(300))]
)
def test_give_back_tells_what_staff_hand_over(gives: bool, prompt: str, at_desk: Any) -> None:
    rig = Rig().open()
    rig.gives_refunds = gives
    rig.hear(Code("card-with-5"))
    rig.serve()
    rig.hear(Pay("cash", 300))
    rig.serve()
    rig.insert(300)
    rig.hear(GiveBack())
    rig.serve()
    assert said(rig) == ("giving_back", prompt)
    assert (rig.kiosk.returned, rig.kiosk.at_desk) == (cny(800), at_desk)
    rig.wait(11)
    assert rig.shown().phase == "order"


def test_nobody_there_ends_with_everything_back() -> None:
    rig = Rig().open()
    rig.hear(Code("card-with-5"))
    rig.serve()
    rig.hear(Pay("cash", 300))
    rig.serve()
    rig.insert(100)
    rig.wait(59)
    assert rig.shown().timeout is None
    rig.wait(1)
    shown = rig.shown()
    assert shown.timeout is not None
    assert (shown.timeout.seconds_left, shown.prompt.id, shown.voice) == (20, "still_there", "still_there")
    rig.wait(21)
    assert commands(rig, CancelCash) == [CancelCash("payment-2", "timeout")]
    assert said(rig) == ("giving_back", "gave_back")
    rig.wait(11)
    assert rig.shown().phase == "welcome"
    assert rig.order.paid == cny(0)


@pytest.mark.parametrize("touch", [Stay(), Speak("en"), HelpAsked()])
def test_somebody_there_goes_on(touch: Any) -> None:
    rig = Rig().open()
    rig.hear(Pay("cash"))
    rig.serve()
    rig.wait(70)
    rig.hear(touch)
    assert rig.shown().timeout is None
    assert commands(rig, ExtendCash) == [ExtendCash("payment-1")]
    rig.wait(59)
    assert rig.shown().phase == "tender"


def test_a_coin_is_a_touch_as_well() -> None:
    rig = Rig().open()
    rig.hear(Pay("cash"))
    rig.serve()
    for _ in range(5):
        rig.wait(50)
        rig.insert(100)
    assert rig.shown().timeout is None


def test_change_is_never_interrupted() -> None:
    rig = Rig().open()
    rig.hear(Pay("cash"))
    rig.serve()
    rig.till(inserted_minor=1500, state="changing", outcome="paid")
    rig.wait(300)
    assert (said(rig), rig.shown().timeout) == (("tender", "take_change"), None)
    rig.hear(Cancel())
    assert commands(rig, CancelCash) == []


def test_the_server_goes_away_with_money_in_the_till() -> None:
    rig = Rig().open()
    rig.hear(Pay("cash"))
    rig.serve()
    rig.insert(1000)
    rig.is_away = True
    rig.hear(DeviceSeen("server", "failed", "no answer"))
    shown = rig.shown()
    assert (shown.prompt.id, shown.notice.code if shown.notice else None) == ("insert_cash", "server_away")
    assert "Your money is safe" in (shown.notice.en if shown.notice else "")
    rig.insert(290)
    assert said(rig) == ("tender", "money_safe")
    rig.is_away = False
    rig.hear(DeviceSeen("server", "ready"))
    rig.report("succeeded")
    assert rig.shown().phase == "paid"


def test_a_server_that_stays_away_clears_the_screen_at_last() -> None:
    rig = Rig().open()
    rig.hear(Pay("cash"))
    rig.serve()
    rig.is_away = True
    rig.hear(DeviceSeen("server", "failed"))
    rig.insert(TOTAL_MINOR)
    rig.wait(119)
    assert said(rig) == ("tender", "money_safe")
    rig.wait(2)
    assert said(rig) == ("out_of_service", "server_away")
    assert rig.shown().order is None


@pytest.mark.parametrize("method", ["cash", "wallet"])
def test_no_payment_begins_while_the_server_is_away(method: str) -> None:
    rig = Rig().open()
    rig.is_away = True
    rig.hear(DeviceSeen("server", "failed"))
    rig.hear(Pay(method))
    assert (rig.shown().phase, rig.kiosk.request, commands(rig, BeginCash)) == ("order", None, [])
    assert not any(one.ready for one in rig.shown().methods)


def test_a_beginning_whose_answer_got_lost_is_closed_when_it_is_seen() -> None:
    rig = Rig().open()
    rig.is_away = True
    rig.hear(Pay("wallet"))
    rig.wait(16)
    assert rig.shown().phase == "order"
    rig.pay("wallet", TOTAL_MINOR)
    rig.is_away = False
    rig.tell()
    rig.serve()
    assert (rig.shown().phase, rig.payments[0].status) == ("order", "closed")


@pytest.mark.parametrize("state", ["taking", "changing", "returning"])
def test_a_restart_goes_on_from_the_till(state: Any) -> None:
    rig = Rig()
    rig.pay("cash", TOTAL_MINOR)
    rig.is_away = True
    rig.hear(MethodsSeen(METHODS))
    outcome = {"taking": None, "changing": "paid", "returning": "cancelled"}[state]
    rig.till(
        state=state, payment_id="payment-1", currency="CNY", due_minor=TOTAL_MINOR, inserted_minor=700, outcome=outcome
    )
    rig.start("order-1")
    shown = rig.shown()
    assert (shown.phase, shown.order) == ("tender", None)  # the server is not needed to see one's money
    assert shown.cash is not None
    assert shown.cash.inserted == cny(700)
    rig.is_away = False
    rig.serve()
    shown = rig.shown()
    assert (shown.phase, shown.order is not None, shown.cash is not None) == ("tender", True, True)


def test_a_restart_before_the_till_had_begun() -> None:
    rig = Rig()
    rig.pay("cash", TOTAL_MINOR)
    rig.start("order-1")
    assert said(rig) == ("order", "elsewhere")  # until the kiosk's word that it was never begun has reached the server
    rig.report("closed")
    assert said(rig) == ("order", "choose_tender")


def test_a_restart_in_the_middle_of_giving_back_goes_on_with_it() -> None:
    rig = Rig()
    rig.pay("cash", 300, "surplus")
    rig.start("order-1")
    assert (rig.shown().phase, rig.payments[0].status, rig.kiosk.at_desk) == ("giving_back", "refunded", None)
    rig.wait(11)
    assert rig.shown().phase == "order"


def test_a_restart_goes_on_with_a_wallet() -> None:
    rig = Rig()
    rig.pay("wallet", TOTAL_MINOR)
    rig.start("order-1")
    assert said(rig) == ("tender", "scan_qr")


def test_missing_change_is_on_a_slip_once() -> None:
    rig = Rig().open()
    rig.hear(Pay("cash"))
    rig.serve()
    debt = Debt("kiosk-1-000018", 210, "CNY", "empty")
    rig.till(inserted_minor=1500, state="changing", outcome="paid")
    rig.till(state="finished", debts=[debt])
    rig.hear(CashSeen(rig.cash))
    assert commands(rig, PrintSlip) == [PrintSlip(NUMBER, (debt,))]
    rig.report("succeeded")
    shown = rig.shown()
    assert (shown.phase, shown.prompt.id) == ("paid", "take_slip")
    assert [one.number for one in shown.cash.debts] == ["kiosk-1-000018"]  # type: ignore[union-attr]
    rig.hear(Done())
    assert (rig.shown().phase, rig.shown().cash) == ("welcome", None)


def test_a_receipt_again_is_a_copy() -> None:
    rig = Rig().open()
    rig.hear(Pay("wallet"))
    rig.serve()
    rig.end("succeeded")
    rig.tell()
    rig.hear(PrintAgain())
    assert [command.is_copy for command in commands(rig, PrintReceipt)] == [False, True]


def test_goodbye_comes_by_itself() -> None:
    rig = Rig().open()
    rig.hear(Speak("en"))
    rig.pay("wallet", TOTAL_MINOR, "succeeded", place="")
    rig.tell()  # paid on the phone
    assert rig.shown().phase == "paid"
    rig.wait(21)
    shown = rig.shown()
    assert (shown.phase, shown.language, shown.order, shown.receipt) == ("welcome", "zh", None, None)


def test_another_order_waits_its_turn() -> None:
    rig = Rig().open()
    rig.hear(Code("https://store.example/o/o_other"))
    assert said(rig) == ("order", "one_at_a_time")
    rig.hear(Code(f"https://store.example/o/{TOKEN}"))
    assert rig.kiosk.order_id == "order-1"


def test_an_order_that_is_closed_gives_the_cash_back() -> None:
    rig = Rig().open()
    rig.hear(Pay("cash"))
    rig.serve()
    rig.insert(100)
    rig.closed = True
    rig.tell()
    assert commands(rig, CancelCash)
    assert said(rig) == ("welcome", "order_closed")


def test_staff_are_called_once_per_trouble() -> None:
    rig = Rig().start()
    for _ in range(2):
        rig.hear(DeviceSeen("printer", "failed", "no paper"))
        rig.hear(DeviceSeen("cash", "failed"))
        rig.wait(30)
        rig.hear(DeviceSeen("printer", "ready"))
        rig.wait(1)
    assert [(one.kind, one.detail) for one in commands(rig, RaiseAlarm)] == [("device", "printer: no paper")] * 2


def test_help_is_called_until_somebody_answers() -> None:
    rig = Rig().open()
    rig.hear(HelpAsked())
    rig.hear(HelpAsked())
    (alarm,) = commands(rig, RaiseAlarm)
    assert (alarm.kind, rig.shown().help) == ("help", "called")
    rig.hear(CallSeen(alarm.key, is_open=False))
    assert rig.shown().help == "none"


def test_a_kiosk_that_nobody_uses_is_silent() -> None:
    rig = Rig().start()
    rig.wait(30)
    assert rig.shown().voice is None
    rig.hear(Stay())
    assert rig.shown().voice == "welcome"
    rig.hear(Tick())


@pytest.mark.parametrize("order_id", [None, "order-1"])
def test_a_till_that_takes_for_nobody_is_told_to_give_back(order_id: str | None) -> None:
    """Its order is gone: paid elsewhere, or not known any more."""
    rig = Rig()
    rig.till(state="taking", payment_id="payment-9", currency="CNY", due_minor=TOTAL_MINOR)
    rig.pay("wallet", TOTAL_MINOR, "succeeded", place="")
    rig.start(order_id)
    rig.till()
    assert CancelCash("payment-9", "shopper") in rig.commands


def test_part_paid_in_cash_says_which_change_to_take() -> None:
    rig = Rig().open()
    rig.hear(Pay("cash", 1000))
    rig.serve()
    rig.insert(2000)
    notice = rig.shown().notice
    assert notice is not None
    assert (rig.shown().phase, rig.shown().prompt.id, notice.code) == ("order", "still_due", "still_due")
    assert "¥10.00" in notice.zh
    assert "¥10.00" in notice.en


def test_who_cancels_cash_is_told_what_came_back() -> None:
    rig = Rig().open()
    rig.hear(Pay("cash"))
    rig.serve()
    rig.insert(500)
    rig.hear(Cancel())
    notice = rig.shown().notice
    assert notice is not None
    assert (rig.shown().phase, notice.code) == ("order", "cash_came_back")
    assert "¥5.00" in notice.zh
    assert "¥5.00" in notice.en
