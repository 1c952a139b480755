"""The physical world before a simulated pay kiosk: a purse, a bank card, a phone held to the scanner, and the paper.

It acts on the device simulators alone, as hands do: the kiosk learns of it through its devices.
"""

from typing import Any, Literal

import msgspec

from unqueue.devices.simulators.control import ControlClient, ControlRefused
from unqueue.kernel.cash import parse_denomination
from unqueue.kernel.errors import DomainError

COINS = ("CNY-10-coin", "CNY-50-coin", "CNY-100-coin")
NOTES = ("CNY-100-note", "CNY-500-note", "CNY-1000-note", "CNY-2000-note", "CNY-5000-note", "CNY-10000-note")
HOPPERS = {3: "CNY-100-coin", 4: "CNY-50-coin", 5: "CNY-10-coin"}
"""Address on the ccTalk line → what the hopper there gives."""
RECYCLED = ("CNY-500-note", "CNY-1000-note", "CNY-2000-note")
"""Notes that the recycler keeps for change; the others fall into its cashbox."""
COIN_SLOT = 2
"""The coin acceptor's address on the ccTalk line."""
FLOAT = {"CNY-100-coin": 60, "CNY-50-coin": 40, "CNY-10-coin": 60, "CNY-500-note": 12, "CNY-1000-note": 10}
"""What an attendant puts into a new kiosk."""

FLOAT_OF_DEVICES: dict[str, dict[str, int]] = {
    **{f"hopper-{address}": {coin: FLOAT[coin]} for address, coin in HOPPERS.items()},
    "recycler": {note: FLOAT[note] for note in RECYCLED if note in FLOAT},
}
"""The same by the names of the kiosk's devices."""


class Inserted(msgspec.Struct, frozen=True):
    """A coin or note that a shopper puts in; ``false`` money is given back by a good device."""

    denomination: str
    false: bool = False


class Presented(msgspec.Struct, frozen=True):
    """A card held to the terminal, and what its bank says."""

    entry: Literal["chip", "contactless", "magnetic_stripe"] = "contactless"
    outcome: Literal["approve", "decline", "wrong_pin", "removed"] = "approve"


class MouthClosed(DomainError):
    code = "mouth_closed"
    status = 409
    zh = "纸币口没有开：请先在付款机上选现金"
    en = "The note mouth is closed. Please choose cash at the kiosk first."


class HandRefused(DomainError):
    """Details: ``detail``, in the device's words."""

    code = "hand_refused"
    status = 409
    permanent = False
    zh = "设备没有收：{detail}"
    en = "The device did not take it: {detail}"


class KioskWorld:
    """One kiosk: coin slot and hoppers on one line, a note recycler, a card terminal, a scanner and a printer."""

    def __init__(
        self,
        kiosk: str,
        *,
        cctalk: ControlClient,
        recycler: ControlClient,
        terminal: ControlClient,
        scanner: ControlClient,
        printer: ControlClient,
    ) -> None:
        self.kiosk = kiosk
        self._cctalk = cctalk
        self._recycler = recycler
        self._terminal = terminal
        self._scanner = scanner
        self._printer = printer

    async def insert(self, inserted: Inserted) -> None:
        """A coin into the slot, or a note before the mouth. HandRefused for money that the device has no mouth for."""
        try:
            piece = parse_denomination(inserted.denomination)
        except ValueError as error:
            raise HandRefused(detail=str(error)) from None
        try:
            if piece.form == "coin":
                await self._cctalk.ask(insert=str(piece), how="counterfeit" if inserted.false else None)
            else:
                quality = "counterfeit" if inserted.false else "genuine"
                held = await self._recycler.ask(insert=str(piece), quality=quality)
                if not held["taken"]:
                    raise MouthClosed
        except ControlRefused as refused:
            raise HandRefused(detail=str(refused)) from None

    async def present(self, presented: Presented) -> None:
        """A card before the terminal. It lies there until the terminal asks for it."""
        try:
            await self._terminal.ask(present=presented.entry, outcome=presented.outcome)
        except ControlRefused as refused:
            raise HandRefused(detail=str(refused)) from None

    async def show(self, code: str) -> None:
        """A code held before the scanner."""
        await self._scanner.ask(scan=code)

    async def paper(self, *, there: bool) -> None:
        """The printer's roll runs out, or a new one is put in."""
        await self._printer.ask(fault=None if there else "paper_out")

    async def fill(self, counts: dict[str, int]) -> None:
        """The attendant pours coins into the hoppers and puts notes into the recycler's store."""
        addresses = {denomination: address for address, denomination in HOPPERS.items()}
        for denomination, count in counts.items():
            if denomination in addresses:
                await self._cctalk.ask(fill=count, address=addresses[denomination])
        notes = {denomination: count for denomination, count in counts.items() if denomination in RECYCLED}
        if notes:
            await self._recycler.ask(refill=notes)

    async def describe(self) -> dict[str, Any]:
        """What a shopper sees lying there."""
        cctalk = await self._cctalk.ask(get=True)
        recycler = await self._recycler.ask(get=True)
        terminal = await self._terminal.ask(get=True)
        printer = await self._printer.ask(get=True)
        return {
            "coins": list(COINS),
            "notes": list(NOTES),
            "tray": _sum(
                cctalk["paid_out"],
                recycler["dispensed"],
                recycler["returned"],
                cctalk["devices"][str(COIN_SLOT)]["given_back"],
            ),
            "terminal": {"waiting": bool(terminal.get("waiting"))},
            "receipts": printer["jobs"],
        }


def _sum(*heaps: dict[str, int]) -> dict[str, int]:
    """What came out, over all mouths: denomination → pieces."""
    together: dict[str, int] = {}
    for heap in heaps:
        for denomination, count in heap.items():
            together[denomination] = together.get(denomination, 0) + count
    return {denomination: count for denomination, count in sorted(together.items()) if count}
