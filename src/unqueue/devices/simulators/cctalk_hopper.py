"""A simulated coin hopper, without bytes of a line. What it counts survives a loss of power, as in EEPROM."""

import asyncio
from typing import Any

from unqueue.devices.simulators.cctalk_device import ACK, NAK, Answer, SimulatedDevice
from unqueue.devices.wire.cctalk import Header
from unqueue.devices.wire.cctalk_messages import (
    JAMMED,
    Dispense,
    EnableHopper,
    HopperFlags,
    HopperStatus,
    PayoutLevel,
    Question,
    Request,
    counter_after,
    encode_hopper_flags,
    encode_hopper_status,
    encode_number,
)
from unqueue.kernel.cash import Denomination


class SimulatedHopper(SimulatedDevice):
    """Gives a coin each `coin_s`, gives up `give_up_s` after it ran empty."""

    category = "Payout"
    product = "SIM-HP"

    def __init__(
        self, address: int, coin: Denomination, stock: int, *, serial_number: int, coin_s: float, give_up_s: float
    ) -> None:
        super().__init__(address, serial_number, "sum")
        self.coin = coin
        self.stock = stock
        self.given = 0
        """Coins that lie in the tray, or in somebody's hand."""
        self._coin_s = coin_s
        self._give_up_s = give_up_s
        self._life_count = 1_000
        self._paid = 0
        self._unpaid = 0
        self._event_counter = 0
        self._remaining = 0
        self._enabled = False
        self._flags = HopperFlags.POWERED_UP
        self._jammed = False
        self._timer: asyncio.TimerHandle | None = None

    def switch_off(self) -> None:
        """What it was doing is written down while the power lasts."""
        super().switch_off()
        was_paying = bool(self._remaining)
        self._stop(unpaid=self._remaining)
        self._event_counter, self._enabled = 0, False
        self._flags = HopperFlags.POWERED_UP | (HopperFlags.POWER_FAILED_PAYING if was_paying else HopperFlags(0))

    def handle(self, request: dict[str, Any]) -> None:
        if "fill" in request:
            self.stock = int(request["fill"])
        elif "jam" in request:
            self._jammed = bool(request["jam"])
            if not self._jammed:
                self._flags &= ~JAMMED
        else:
            super().handle(request)

    def state(self) -> dict[str, Any]:
        return super().state() | {
            "coin": str(self.coin),
            "stock": self.stock,
            "given": self.given,
            "remaining": self._remaining,
            "life_count": self._life_count,
        }

    def _obey(self, request: Request) -> Answer:  # noqa: PLR0911  # a table
        match request:
            case Question(Header.REQUEST_HOPPER_STATUS):
                status = HopperStatus(self._event_counter, self._remaining, self._paid, self._unpaid)
                return Header.REPLY, encode_hopper_status(status)
            case Question(Header.REQUEST_HOPPER_DISPENSE_COUNT):
                return Header.REPLY, encode_number(self._life_count)
            case Question(Header.TEST_HOPPER):
                disabled = HopperFlags(0) if self._enabled else HopperFlags.DISABLED
                return Header.REPLY, encode_hopper_flags(self._flags | disabled)
            case Question(Header.REQUEST_PAYOUT_STATUS):
                level = PayoutLevel.EMPTY_SENSOR | (PayoutLevel(0) if self.stock else PayoutLevel.EMPTY)
                return Header.REPLY, bytes([level])
            case Question(Header.EMERGENCY_STOP):
                self._stop(unpaid=self._remaining or self._unpaid)
                return Header.REPLY, bytes([self._unpaid])
            case EnableHopper(on):
                self._enabled = on
                return ACK
            case Dispense(serial_number, count):
                return self._dispense(serial_number, count)
        return NAK

    def _dispense(self, serial_number: int, count: int) -> Answer:
        if serial_number != self.serial_number or not self._enabled or self._remaining or self._flags & JAMMED:
            return NAK
        self._event_counter = counter_after(self._event_counter, 1)
        self._remaining, self._paid, self._unpaid = count, 0, 0
        self._flags = HopperFlags(0)
        self._next_coin()
        return Header.REPLY, bytes([self._event_counter])

    def _next_coin(self) -> None:
        pause_s = self._coin_s if self.stock and not self._jammed else self._give_up_s
        self._timer = asyncio.get_running_loop().call_later(pause_s, self._give)

    def _give(self) -> None:
        if self._jammed or not self.stock:
            self._flags |= HopperFlags.BLOCKED_PAYING if self._jammed else HopperFlags.TIMEOUT
            self._stop(unpaid=self._remaining)
            return
        self.stock -= 1
        self.given += 1
        self._life_count += 1
        self._paid += 1
        self._remaining -= 1
        if self._remaining:
            self._next_coin()

    def _stop(self, *, unpaid: int) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._remaining, self._unpaid = 0, unpaid
