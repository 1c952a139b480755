"""A coin acceptor on a ccTalk bus: UnifiedPOS CoinAcceptor."""

import asyncio
from collections.abc import Sequence

from unqueue.devices.drivers.cctalk_acceptor import AcceptorSettings, CctalkAcceptor
from unqueue.devices.drivers.cctalk_bus import CctalkBus
from unqueue.devices.drivers.cctalk_events import Where, coin_event, is_pulled_out
from unqueue.devices.ports import CashEvent
from unqueue.devices.wire.cctalk import Header
from unqueue.devices.wire.cctalk_messages import CoinIdQuestion, Event, decode_coin_id
from unqueue.devices.wire.cctalk_money import coin_denomination
from unqueue.kernel.cash import Denomination


class CoinAcceptorSettings(AcceptorSettings, frozen=True, kw_only=True):
    """`paths` says where the sorter's exits lead: {4: "dispenser"}; the others lead to the cashbox."""

    address: int = 2
    paths: dict[int, Where] = {}  # noqa: RUF012  # a msgspec field: each instance gets its own
    guard_s: float = 0.5
    """How long a credit waits for the next event, which may be a coin pulled out on its string. 0: not at all."""


class CctalkCoinAcceptor(CctalkAcceptor):
    """See `ports.CashAcceptor`."""

    kind = "Coin Acceptor"
    poll_header = Header.READ_BUFFERED_CREDIT

    def __init__(self, bus: CctalkBus, settings: CoinAcceptorSettings, name: str = "coin acceptor") -> None:
        super().__init__(bus, settings, name)
        self._coins = settings
        self._credit_seen_at: float | None = None
        self._before: Event | None = None

    async def _ask_money(self, position: int) -> Denomination | None:
        identifier = await self._handle.ask(CoinIdQuestion(position), decode_coin_id)
        return self._named.get(identifier) or coin_denomination(identifier)

    def _parts(self, event: Event, following: Event | None) -> list[CashEvent] | None:
        now = asyncio.get_running_loop().time()
        if event.a and following is None and self._coins.guard_s:
            if self._credit_seen_at is None:
                self._credit_seen_at = now
            if now - self._credit_seen_at < self._coins.guard_s:
                return None
        doubtful = bool(event.a) and following is not None and is_pulled_out(following)
        robbed = self._before is not None and bool(self._before.a) and is_pulled_out(event)
        return coin_event(event, self._known or {}, self._coins.paths, doubtful=doubtful, robbed=robbed)

    def _passed(self, event: Event) -> None:
        self._credit_seen_at = None
        self._before = event

    def _look_back(self, events: Sequence[Event]) -> None:
        self._credit_seen_at = None
        self._before = events[0] if events else None

    def _is_holding(self) -> bool:
        return False
