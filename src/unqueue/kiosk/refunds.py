"""Giving back in cash what was paid in cash for a part of an order: claimed at the server, then given by the till.

Whatever happens in between, a refund that this kiosk has claimed comes to an end: the till gives it (its session is in
the journal, and resumes by itself), or it goes back to the desk, because none of its money can have gone out and nobody
stands here for it, or staff look, because the journal does not know.
"""

import asyncio
import logging
from collections.abc import Callable

from unqueue.kernel.errors import DomainError
from unqueue.kiosk.cash.refusals import TillBusy
from unqueue.kiosk.cashier import Cashier
from unqueue.kiosk.server import Payout, StoreServer
from unqueue.station.link import ServerRefused, until_answered

logger = logging.getLogger(__name__)
_LIST_S_MAX = 20.0
_CLAIM_S_MAX, _HAND_BACK_S_MAX = 30.0, 10.0
"""For so long the shopper waits for a server that is away; what it did not answer is brought to an end later."""
_BUSY_PAUSE_S, _BUSY_S_MAX = 2.0, 60.0
"""For so long the shopper waits for a till that is busy with other money; then the desk gives the refund."""


async def give_back(cashier: Cashier, server: StoreServer, order_id: str, *, is_here: Callable[[], bool]) -> int:
    """Give an order's refunds back as far as the machine can; what was given, in minor units. Staff give the rest.

    ``is_here`` says whether the order is still the one at the kiosk. A refund that was begun before a restart is
    ended: its id is the same.
    """
    try:
        async with asyncio.timeout(_LIST_S_MAX):
            waiting = [one for one in await until_answered(server.payouts) if one.order_id == order_id]
    except (TimeoutError, ServerRefused) as error:
        logger.warning("refunds in cash could not be read: %s", error)
        return 0
    given_minor = 0
    for one in waiting:
        if one.refund_id in cashier.in_hand:
            continue
        cashier.in_hand.add(one.refund_id)
        try:
            if await _give(cashier, server, one, is_here):
                given_minor += one.amount.amount_minor
        finally:
            cashier.in_hand.discard(one.refund_id)
    return given_minor


async def look_after(cashier: Cashier, server: StoreServer, *, order_here: str | None) -> None:
    """Bring what the server says this kiosk has claimed to its end, where nothing else does. Errors as the server's.

    ``order_here`` is the order at the kiosk: its refunds are given to whoever stands there. A refund that the server
    refuses to take back is told in the log, tried again the next time, and keeps none of the others waiting.
    """
    for one in await server.payouts():
        if not one.claimed or one.refund_id in cashier.in_hand or cashier.knows(one.refund_id):
            continue
        try:
            await _bring_to_its_end(cashier, server, one, order_here)
        except ServerRefused as refusal:
            logger.warning("the server did not take refund %s back: %s", one.refund_id, refusal)


async def _bring_to_its_end(cashier: Cashier, server: StoreServer, payout: Payout, order_here: str | None) -> None:
    claim = cashier.claims.of(payout.refund_id)
    if claim is None:
        logger.error("refund %s was claimed here, and the journal does not know it: staff look", payout.refund_id)
        cashier.claims.doubt(payout.refund_id, payout.order_id, payout.amount)
        cashier.refresh()
    elif claim.state == "handed_back":
        await server.release(payout.refund_id)
    elif claim.state == "claimed" and (payout.order_id != order_here or cashier.is_abandoned(claim)):
        await _hand_back(cashier, server, payout)


async def _give(cashier: Cashier, server: StoreServer, payout: Payout, is_here: Callable[[], bool]) -> bool:
    """Whether the till gives a refund back. Once it is claimed it does, coins or a slip; or it is handed back."""
    if not cashier.knows(payout.refund_id):
        if not _may_give(cashier, payout) or not await _claim(cashier, server, payout):
            return False
        # The server may have been away for long, or this process stopped: whoever waited may be gone.
        if not _may_give(cashier, payout) or not is_here():
            await _try_to_hand_back(cashier, server, payout)
            return False
    try:
        await _pay_out(cashier, payout)
    except DomainError as refusal:
        logger.warning("a refund can't be given: %s", refusal)
        if not cashier.knows(payout.refund_id):
            await _try_to_hand_back(cashier, server, payout)
        return False
    return True


async def _claim(cashier: Cashier, server: StoreServer, payout: Payout) -> bool:
    """Whether the server says that the refund is this kiosk's to give.

    Where it says nothing it may have heard all the same: the claim stays in the journal, for ``look_after``.
    """
    try:
        if not payout.claimed:
            await cashier.check_payout(payout)
        cashier.claims.begin(payout.refund_id, payout.order_id, payout.amount)
        async with asyncio.timeout(_CLAIM_S_MAX):
            await until_answered(lambda: server.claim(payout.refund_id))
    except (DomainError, ServerRefused) as refusal:
        logger.info("a refund is left to staff: %s", refusal)
        return False
    except TimeoutError:
        logger.warning("refund %s is left to staff: the server does not answer", payout.refund_id)
        return False
    return True


def _may_give(cashier: Cashier, payout: Payout) -> bool:
    """Whether the till may begin with it: not what was handed back, nor what it may have given already."""
    claim = cashier.claims.of(payout.refund_id)
    if claim is None:
        return not payout.claimed
    return claim.state == "claimed" and not cashier.is_abandoned(claim)


async def _pay_out(cashier: Cashier, payout: Payout) -> None:
    waited_s = 0.0
    while True:
        try:
            await cashier.pay_out(payout)
        except TillBusy:
            if waited_s >= _BUSY_S_MAX:
                raise
            await asyncio.sleep(_BUSY_PAUSE_S)
            waited_s += _BUSY_PAUSE_S
        else:
            return


async def _try_to_hand_back(cashier: Cashier, server: StoreServer, payout: Payout) -> None:
    """Hand it back now if the server hears it; if not, the journal knows, and ``look_after`` tells the server again."""
    try:
        async with asyncio.timeout(_HAND_BACK_S_MAX):
            await until_answered(lambda: _hand_back(cashier, server, payout))
    except (TimeoutError, ServerRefused) as error:
        logger.warning("the server did not take refund %s back: %s", payout.refund_id, str(error) or "no answer")


async def _hand_back(cashier: Cashier, server: StoreServer, payout: Payout) -> None:
    """The desk gives it: first this kiosk's word to itself, then to the server."""
    logger.warning("refund %s goes back to the desk", payout.refund_id)
    cashier.claims.hand_back(payout.refund_id)
    await server.release(payout.refund_id)
