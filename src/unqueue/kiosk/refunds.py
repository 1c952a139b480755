"""Giving back in cash what was paid in cash for a part of an order: claimed at the server, then given by the till."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from unqueue.kernel.errors import DomainError
from unqueue.kiosk.cash.refusals import TillBusy
from unqueue.kiosk.cashier import Cashier
from unqueue.kiosk.server import Payout, ServerAway, ServerBusy, ServerRefused, StoreServer

T = TypeVar("T")
logger = logging.getLogger(__name__)
_RETRY_S_FIRST, _RETRY_S_MAX = 0.1, 2.0
_LIST_S_MAX = 20.0


async def give_back(cashier: Cashier, server: StoreServer, order_id: str) -> int:
    """Give an order's refunds back as far as the machine can; what was given, in minor units. Staff give the rest.

    A refund that was begun before a restart is ended: its id is the same.
    """
    try:
        async with asyncio.timeout(_LIST_S_MAX):
            waiting = [one for one in await _repeated(server.payouts) if one.order_id == order_id]
    except (TimeoutError, ServerRefused) as error:
        logger.warning("refunds in cash could not be read: %s", error)
        return 0
    given_minor = 0
    for one in waiting:
        if await _give(cashier, server, one):
            given_minor += one.amount.amount_minor
    return given_minor


async def _give(cashier: Cashier, server: StoreServer, payout: Payout) -> bool:
    """Whether the till gives a refund back. Once it is claimed it does: coins, or a slip."""
    try:
        if not cashier.knows(payout.refund_id):
            if not payout.claimed:  # a claim that was made before a restart binds: staff may not pay it any more
                await cashier.till.check_payout(payout.amount)
            await _repeated(lambda: server.claim(payout.refund_id))
    except (DomainError, ServerRefused) as refusal:
        logger.info("a refund is left to staff: %s", refusal)
        return False
    while True:
        try:
            await cashier.pay_out(payout.refund_id, payout.amount)
        except TillBusy:
            await asyncio.sleep(_RETRY_S_MAX)
        else:
            return True


async def _repeated(ask: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """The server's answer, however long it takes: a claim whose answer was lost may have been made."""
    pause_s = _RETRY_S_FIRST
    while True:
        try:
            return await ask()
        except (ServerAway, ServerBusy):
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, _RETRY_S_MAX)
