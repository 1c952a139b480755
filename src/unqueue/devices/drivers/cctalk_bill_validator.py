"""A bill validator on a ccTalk bus: UnifiedPOS BillAcceptor. Notes wait in escrow until they are told where to go.

The encryption that some validators ask for (BNV, a secret of the maker) is not spoken here: have it switched off.
"""

import asyncio
from collections.abc import Sequence
from typing import Literal

from unqueue.devices.drivers.cctalk_acceptor import AcceptorSettings, CctalkAcceptor
from unqueue.devices.drivers.cctalk_bus import BusTrouble, CctalkBus, Refused
from unqueue.devices.drivers.cctalk_events import bill_event, escrow_after
from unqueue.devices.ports import CashEvent, DeviceFailed, InEscrow
from unqueue.devices.wire.cctalk import Checksum, Header
from unqueue.devices.wire.cctalk_messages import (
    ROUTING_FAILED,
    BillIdQuestion,
    Event,
    Route,
    RouteBill,
    Scaling,
    ScalingQuestion,
    SetBillOperatingMode,
    decode_ack,
    decode_bill_id,
    decode_routing,
    decode_scaling,
)
from unqueue.devices.wire.cctalk_money import bill_country, bill_denomination
from unqueue.kernel.cash import Denomination


class BillValidatorSettings(AcceptorSettings, frozen=True, kw_only=True):
    """Most validators use the CRC; `hold_interval_s` is how often a note in escrow is told to wait on."""

    address: int = 40
    checksum: Checksum = "crc"
    hold_interval_s: float = 5.0


class CctalkBillValidator(CctalkAcceptor):
    """See `ports.CashAcceptor`."""

    kind: Literal["Bill Validator"] = "Bill Validator"
    poll_header = Header.READ_BUFFERED_BILL_EVENTS

    def __init__(self, bus: CctalkBus, settings: BillValidatorSettings, name: str = "bill validator") -> None:
        super().__init__(bus, settings, name)
        self._hold_interval_s = settings.hold_interval_s
        self._in_escrow = False
        self._held_at = 0.0
        self._scalings: dict[str, Scaling] = {}

    async def stack(self) -> None:
        await self._route(Route.STACK)

    async def give_back(self) -> None:
        await self._route(Route.RETURN)

    async def _route(self, route: Route) -> None:
        async with self._turn:
            try:
                await self._poll()
            except (BusTrouble, Refused) as trouble:
                raise DeviceFailed(device=self._handle.name, detail=str(trouble)) from trouble
            line = list(self._line)
            # What became of the note that was told is in line already; the one that lies there now was not told yet.
            if any(isinstance(event, InEscrow) for event in line[1:]):
                return
            if not self._in_escrow:
                if any(not isinstance(event, InEscrow) for event in line):
                    return
                raise DeviceFailed(device=self._handle.name, detail="no note is in escrow")
            try:
                answer = await self._handle.ask(RouteBill(route), decode_routing)
            except (BusTrouble, Refused) as trouble:
                self._handle.fail(trouble)
            # An empty escrow means that it has gone already: the next event says where.
            if answer == ROUTING_FAILED:
                raise DeviceFailed(device=self._handle.name, detail="the note could not be moved")

    async def _apply(self) -> None:
        await super()._apply()
        if not self._in_escrow:
            return
        now = asyncio.get_running_loop().time()
        if now - self._held_at >= self._hold_interval_s:
            self._held_at = now
            await self._hold_on()

    async def _hold_on(self) -> None:
        try:
            await self._handle.ask(RouteBill(Route.EXTEND), decode_routing)
        except Refused:
            return  # some don't know how to: they give the note back in time

    async def _ask_money(self, position: int) -> Denomination | None:
        identifier = await self._handle.ask(BillIdQuestion(position), decode_bill_id)
        named = self._named.get(identifier)
        country = bill_country(identifier)
        if named is not None or country is None:
            return named
        if country not in self._scalings:
            self._scalings[country] = await self._handle.ask(ScalingQuestion(country), decode_scaling)
        return bill_denomination(identifier, self._scalings[country])

    async def _prepare(self) -> None:
        await self._handle.ask(SetBillOperatingMode(stacker=True, escrow=True), decode_ack)

    def _parts(self, event: Event, following: Event | None) -> list[CashEvent] | None:  # noqa: ARG002  # coins need it
        return bill_event(event, self._known or {}, in_escrow=self._in_escrow)

    def _passed(self, event: Event) -> None:
        self._in_escrow = escrow_after(event, before=self._in_escrow)
        if self._in_escrow and event.b == 1:
            self._held_at = asyncio.get_running_loop().time()

    def _look_back(self, events: Sequence[Event]) -> None:
        self._in_escrow = False
        for event in reversed(events):
            self._in_escrow = escrow_after(event, before=self._in_escrow)

    def _is_holding(self) -> bool:
        return self._in_escrow
