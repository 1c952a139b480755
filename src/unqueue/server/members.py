"""Who a member is: a stable name for whoever shows a member's card, over all visits.

A card of the store that was given to a member (``stored_value``) names the member, by any of its codes; any other
number with the right check digit names itself. Neither number nor member is kept in the clear: the name is a keyed
hash (HMAC-SHA-256), so that the database tells nobody which card was shown.

Whether a card exists can be guessed from the answer: after a few numbers of no member, naming pauses.
"""

import hmac

from unqueue.kernel.clock import micros
from unqueue.kernel.database import Database
from unqueue.server.guesses import Guard
from unqueue.server.stored_value import store as cards
from unqueue.server.stored_value.service import code_hash
from unqueue.server.trips.model import is_member_card

NAME_LENGTH = 32


class Members:
    """The members of one store. ``key`` is the store's own secret: another key means other names."""

    def __init__(self, database: Database, key: bytes, guard: Guard | None = None) -> None:
        self._database = database
        self._key = key
        self._guard = guard or Guard()

    async def name(self, code: str, asker: str = "") -> str | None:
        """The name of the member who shows a card; None for what is no member's card, or a blocked or expired one.

        ``asker`` is the client's address. TooManyGuesses after a few of those.
        """
        now = self._database.clock.now()
        self._guard.check(asker, now.timestamp())
        name = await self._find(code, micros(now))
        self._guard.check(asker, now.timestamp())  # once more: many at once must not get around it
        if name is None:
            self._guard.wrong(asker, now.timestamp())
        return name

    async def _find(self, code: str, now_us: int) -> str | None:
        hashed = code_hash(code)
        card = await self._database.read(lambda connection: cards.by_code(connection, hashed))
        if card is not None and card.kind == "member":
            if card.refusal(now_us, card.currency) is not None:
                return None
            return self._named(f"member:{card.member}" if card.member else f"card:{card.card_id}")
        return self._named(f"number:{code}") if is_member_card(code) else None

    def _named(self, who: str) -> str:
        return hmac.digest(self._key, who.encode(), "sha256").hex()[:NAME_LENGTH]
