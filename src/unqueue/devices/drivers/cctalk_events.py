"""What the events of ccTalk coin acceptors and bill validators mean to a kiosk. Pure.

Source: ccTalk Generic Specification issue 4.7 part 3, tables 2 (coin acceptor error codes, with "rejected?") and 7
(bill events); the same codes in qt-cctalk and in the makers' manuals. docs/protocols/cctalk.md has our reading of them.
Marks are put in by who numbers the events: here they are empty.
"""

from collections.abc import Mapping
from typing import Literal

from unqueue.devices.ports import CashEvent, Credited, CreditUnknown, GivenBack, InEscrow, Trouble
from unqueue.devices.wire.cctalk_messages import Event
from unqueue.kernel.cash import Denomination

Where = Literal["cashbox", "dispenser"]
BillTrouble = Literal["jam", "fraud", "back", "cashbox_removed", "cashbox_replaced", "fault", "full"]

_COIN_GIVEN_BACK = {
    1: "not recognised", 2: "inhibited", 3: "not recognised", 8: "too close", 9: "not ready", 10: "not ready",
    11: "not ready", 12: "not ready", 13: "not ready", 22: "not ready", 24: "not recognised", 25: "not recognised",
    33: "not ready", 37: "too fast", 38: "too slow", 254: "return lever",
}  # fmt: skip
_COIN_JAMS = {
    6: "a coin never reached the credit sensor", 14: "credit sensor blocked", 15: "sorter exit blocked",
    26: "reject path blocked", 29: "accept gate stays open", 30: "accept gate does not open",
    32: "manifold blocked",
}  # fmt: skip
_COIN_FRAUDS = {
    16: "sensors passed in the wrong order", 17: "a coin went backwards", 18: "a coin too fast for the credit sensor",
    19: "a coin too slow for the credit sensor", 20: "a coin on a string", 23: "credit sensor reached too early",
    40: "light from outside",
}  # fmt: skip
_COIN_NOT_TAKEN = frozenset({14, 15, 26, 30, 32})
"""Troubles with which the coin is rejected; with the others it may be inside without a credit."""
_PULLED_OUT = frozenset({16, 17, 20})
"""Frauds after which the coin credited just before may be outside again."""

_BILL_GIVEN_BACK = {
    0: "inhibited", 1: "asked", 2: "counterfeit", 3: "unfit", 4: "inhibited", 5: "inhibited", 20: "a ticket",
}  # fmt: skip
_BILL_TROUBLES: dict[int, tuple[BillTrouble, str, bool]] = {
    6: ("jam", "a note is stuck and can be reached", True),
    7: ("jam", "a note is stuck in the stacker", True),
    8: ("fraud", "a note was pulled backwards", True),
    9: ("fraud", "the validator was tampered with", True),
    10: ("back", "the stacker is in order", False),
    11: ("cashbox_removed", "the stacker was taken out", True),
    12: ("cashbox_replaced", "the stacker was put in", False),
    13: ("fault", "the stacker is out of order", True),
    14: ("full", "the stacker is full", True),
    15: ("jam", "the stacker is jammed", True),
    16: ("jam", "a note is stuck and can't be reached", True),
    17: ("fraud", "fraud at the light barriers", True),
    18: ("fraud", "a note on a string", True),
    19: ("fault", "the string sensor is out of order", True),
}
"""Kind, detail, and whether the validator takes no more notes meanwhile."""


def is_pulled_out(event: Event) -> bool:
    """Whether this event puts the coin credited just before it in doubt."""
    return event.a == 0 and event.b in _PULLED_OUT


def coin_event(
    event: Event, known: Mapping[int, Denomination], paths: Mapping[int, Where], *, doubtful: bool, robbed: bool
) -> list[CashEvent]:
    """One event of a coin acceptor. `doubtful`: the next event puts this credit in doubt; `robbed`: this event put the
    credit before it in doubt, which has been told.

    >>> coin_event(Event(6, 4), {6: Denomination("CNY", 100, "coin")}, {}, doubtful=False, robbed=False)[0].where
    'cashbox'
    """
    if event.a:
        denomination = known.get(event.a)
        if denomination is None:
            return [CreditUnknown(f"a coin of position {event.a}, whose value is not known", 1, "")]
        if doubtful:
            return [CreditUnknown(f"{denomination}: credited, then perhaps pulled out", 1, "")]
        return [Credited(denomination, paths.get(event.b, "cashbox"), "")]
    code = event.b
    if code in _COIN_GIVEN_BACK or 128 <= code <= 159:
        return [GivenBack(_COIN_GIVEN_BACK.get(code, "inhibited"), "")]
    if code in _COIN_JAMS:
        trouble = Trouble("jam", f"{_COIN_JAMS[code]} (code {code})", blocks=True, mark="")
    elif code in _COIN_FRAUDS:
        trouble = Trouble("fraud", f"{_COIN_FRAUDS[code]} (code {code})", blocks=True, mark="")
    else:
        trouble = Trouble("fault", f"code {code}", blocks=False, mark="")
    if code in _COIN_NOT_TAKEN or robbed:
        return [trouble]
    return [trouble, CreditUnknown(f"a coin may have been taken: {trouble.detail}", 1, "")]


def bill_event(event: Event, known: Mapping[int, Denomination], *, in_escrow: bool) -> list[CashEvent]:
    """One event of a bill validator. `in_escrow`: a note lay there before it."""
    if event.a:
        denomination = known.get(event.a)
        if denomination is None:
            if event.b == 1:
                return [Trouble("fault", f"a note of type {event.a}, whose value is not known", blocks=False, mark="")]
            return [CreditUnknown(f"a note of type {event.a}, whose value is not known", 1, "")]
        return [InEscrow(denomination, "") if event.b == 1 else Credited(denomination, "cashbox", "")]
    code = event.b
    if code in _BILL_GIVEN_BACK:
        return [GivenBack(_BILL_GIVEN_BACK[code], "")]
    if code == 21:
        return [CreditUnknown("a note of unknown kind was stacked", 1, "")]
    kind, detail, blocks = _BILL_TROUBLES.get(code, ("fault", "unknown", False))
    trouble = Trouble(kind, f"{detail} (code {code})", blocks=blocks, mark="")
    may_be_inside = kind == "jam" or code in {8, 18} or (kind == "fraud" and in_escrow)
    return [trouble, CreditUnknown("a note may have been taken", 1, "")] if may_be_inside else [trouble]


def escrow_after(event: Event, *, before: bool) -> bool:
    """Whether a note lies in escrow after this event of a bill validator."""
    if event.a:
        return event.b == 1
    # Returned, rejected or stuck: wherever it is, it is not in escrow. The other codes speak of something else.
    return before and event.b not in {1, 2, 3, 6, 7, 8, 15, 16, 18}
