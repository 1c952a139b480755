"""A simulated coin acceptor and a simulated bill validator, without bytes of a line."""

import asyncio
from collections.abc import Callable
from typing import Any

from unqueue.devices.simulators.cctalk_device import ACK, NAK, Answer, SimulatedAcceptor
from unqueue.devices.simulators.control import ControlRefused, one_of
from unqueue.devices.wire.cctalk import Checksum, Header
from unqueue.devices.wire.cctalk_messages import (
    ESCROW_EMPTY,
    BillIdQuestion,
    CoinIdQuestion,
    Request,
    Route,
    RouteBill,
    Scaling,
    ScalingQuestion,
    SetBillOperatingMode,
    encode_scaling,
)
from unqueue.devices.wire.cctalk_money import COUNTRY_CURRENCIES
from unqueue.kernel.cash import Denomination

COUNTRIES = {currency: country for country, currency in COUNTRY_CURRENCIES.items()}
CASHBOX_PATH = 1
DISPENSER_PATH = 4
HOWS = (None, "string", "counterfeit", "jam")


class SimulatedCoinAcceptor(SimulatedAcceptor):
    """Positions 1 and on hold `coins`. `drop_in_hopper` says whether a coin finds a hopper."""

    category = "Coin Acceptor"
    product = "SIM-CA"

    def __init__(
        self,
        coins: list[Denomination],
        drop_in_hopper: Callable[[Denomination], bool],
        *,
        serial_number: int,
        string_s: float,
        address: int = 2,
        poll_timeout_s: float = 1.0,
    ) -> None:
        super().__init__(address, serial_number, "sum", poll_timeout_s)
        self._coins = coins
        self._drop_in_hopper = drop_in_hopper
        self._string_s = string_s
        self._jammed = False

    def insert(self, denomination: Denomination, how: str | None) -> str:
        money, one = self.money, {denomination: 1}
        position = self._coins.index(denomination) + 1 if denomination in self._coins else 0
        rejection = self._rejection(position, how)
        if rejection is not None:
            money.given_back.update(one)
            if rejection:
                self.note(0, rejection)
            return "given back"
        if how == "jam":
            money.stuck.update(one)
            self._jammed = True
            self.note(0, 6)
            return "stuck"
        if how == "string":
            self.note(position, CASHBOX_PATH)
            asyncio.get_running_loop().call_later(self._string_s, self._pull)
            money.given_back.update(one)
            return "given back"
        if self._drop_in_hopper(denomination):
            money.recycled.update(one)
            self.note(position, DISPENSER_PATH)
            return "dispenser"
        money.taken.update(one)
        self.note(position, CASHBOX_PATH)
        return "cashbox"

    def handle(self, request: dict[str, Any]) -> None:
        if "jam" not in request:
            super().handle(request)
        self._jammed = bool(request["jam"])
        if not self._jammed:  # somebody takes out what is stuck, and puts it in the cashbox
            self.money.taken.update(self.money.stuck)
            self.money.stuck.clear()

    def _rejection(self, position: int, how: str | None) -> int | None:
        """The code with which a coin falls through; 0: without a word; None: it does not."""
        if not self.listening:
            return 0
        if self._jammed:
            return 14
        if how == "counterfeit" or not position:
            return 1
        return None if self.takes(position) else 2

    def _pull(self) -> None:
        if self.powered:
            self.note(0, 20)

    def _obey(self, request: Request) -> Answer:
        if isinstance(request, CoinIdQuestion):
            if not 1 <= request.position <= 16:
                return NAK
            identifier = "......"
            if request.position <= len(self._coins):
                coin = self._coins[request.position - 1]
                identifier = f"{COUNTRIES[coin.currency]}{coin.value_minor:03d}A"
            return Header.REPLY, identifier.encode()
        return super()._obey(request)


class SimulatedBillValidator(SimulatedAcceptor):
    """Types 1 and on are `notes`. A note in escrow goes back when power fails; one on its way to the stacker arrives
    there, and nobody is told.
    """

    category = "Bill Validator"
    product = "SIM-BV"
    poll_header = Header.READ_BUFFERED_BILL_EVENTS
    taking_at_first = False

    def __init__(
        self,
        notes: list[Denomination],
        *,
        serial_number: int,
        stack_s: float,
        escrow_s: float,
        capacity: int,
        checksum: Checksum,
        address: int = 40,
        poll_timeout_s: float = 5.0,
    ) -> None:
        super().__init__(address, serial_number, checksum, poll_timeout_s)
        self._notes = notes
        self._stack_s = stack_s
        self._escrow_s = escrow_s
        self._capacity = capacity
        self._stacked = 0
        self._removed = False
        self._escrow_mode = False
        self._escrow: Denomination | None = None
        self._moving = False
        self._will_jam = False
        self._timer: asyncio.TimerHandle | None = None

    def insert(self, denomination: Denomination, how: str | None) -> str:
        kind = self._notes.index(denomination) + 1 if denomination in self._notes else 0
        rejection = self._rejection(kind, how)
        if rejection is not None:
            self.money.given_back[denomination] += 1
            if rejection:
                self.note(0, rejection)
            return "given back"
        self._escrow = denomination
        self._will_jam = how == "jam"
        if not self._escrow_mode:
            self._stack()
            return "on its way"
        self.note(kind, 1)
        self._after(self._escrow_s, self._return)
        if how == "string":
            self._escrow = None
            self.money.given_back[denomination] += 1
            self.note(0, 8)
            return "given back"
        return "escrow"

    def handle(self, request: dict[str, Any]) -> None:
        if "stacker" not in request:
            super().handle(request)
        match one_of(request["stacker"], "removed", "replaced", "full"):
            case "removed":
                self._removed = True
                self.note(0, 11)
            case "replaced":
                self._removed, self._stacked = False, 0
                self.note(0, 12)
            case "full":
                self._stacked = self._capacity
                self.note(0, 14)

    def switch_off(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._escrow is not None:
            where = self.money.taken if self._moving else self.money.given_back
            where[self._escrow] += 1
        self._escrow, self._moving, self._escrow_mode = None, False, False
        super().switch_off()

    def state(self) -> dict[str, Any]:
        return super().state() | {
            "escrow": str(self._escrow) if self._escrow else None,
            "moving": self._moving,
            "stacked": self._stacked,
            "stacker_removed": self._removed,
        }

    def _rejection(self, kind: int, how: str | None) -> int | None:
        if not self.listening or self._escrow is not None or self._removed:
            return 0
        if self._stacked >= self._capacity:
            return 14
        if how == "counterfeit" or not kind:
            return 2
        return None if self.takes(kind) else 4

    def _obey(self, request: Request) -> Answer:
        match request:
            case BillIdQuestion(position) if 1 <= position <= 16:
                identifier = "." * 7
                if position <= len(self._notes):
                    note = self._notes[position - 1]
                    identifier = f"{COUNTRIES[note.currency]}{note.value_minor // 100:04d}A"
                return Header.REPLY, identifier.encode()
            case ScalingQuestion(country):
                known = any(COUNTRIES[note.currency] == country for note in self._notes)
                return Header.REPLY, encode_scaling(Scaling(100, 2) if known else Scaling(0, 0))
            case SetBillOperatingMode(_, escrow):
                self._escrow_mode = escrow
                return ACK
            case RouteBill(route):
                return self._route(route)
        return super()._obey(request)

    def _route(self, route: Route) -> Answer:
        if self._escrow is None or self._moving:
            return Header.REPLY, bytes([ESCROW_EMPTY])
        match route:
            case Route.STACK:
                self._stack()
            case Route.RETURN:
                self._return()
            case Route.EXTEND:
                self._after(self._escrow_s, self._return)
        return ACK

    def _stack(self) -> None:
        self._moving = True
        self._after(self._stack_s, self._arrive)

    def _arrive(self) -> None:
        note, self._escrow, self._moving = self._escrow, None, False
        if note is None:
            raise ControlRefused("nothing is on its way")
        if self._will_jam:
            self.money.stuck[note] += 1
            self.note(0, 7)
            return
        self.money.taken[note] += 1
        self._stacked += 1
        self.note(self._notes.index(note) + 1, 0)
        if self._stacked == self._capacity:
            self.note(0, 14)

    def _return(self) -> None:
        if self._escrow is not None:
            if self._timer is not None:
                self._timer.cancel()
            self.money.given_back[self._escrow] += 1
            self._escrow = None
            self.note(0, 1)

    def _after(self, seconds: float, what: Callable[[], None]) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(seconds, what)
