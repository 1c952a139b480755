"""Who a member is: a stable name for whoever shows a member's card, over all visits.

A card of the store that was given to a member (``stored_value``) names the member, by any of its codes; any other
number with the right check digit names itself. Neither number nor member is kept in the clear: the name is a keyed
hash (HMAC-SHA-256), so that the database tells nobody which card was shown.

Whether a card exists can be guessed from the answer: after a few numbers of no member, naming pauses; and so does
looking for a card in what was scanned, of which nobody hears: then a code is just unknown.
"""

import hmac

from unqueue.kernel.clock import micros
from unqueue.kernel.database import Database
from unqueue.server.guesses import Guard
from unqueue.server.stored_value import store as cards
from unqueue.server.stored_value.model import Card
from unqueue.server.stored_value.service import code_hash

NAME_LENGTH = 32
SCANNED_MAX, SCANNED_TOGETHER_MAX = 20, 1_000
"""Unknown codes in five minutes that are looked up as cards: of a visit, and of all."""


class Members:
    """The members of one store. ``key`` is the store's own secret: another key means other names."""

    def __init__(self, database: Database, key: bytes, guard: Guard | None = None) -> None:
        self._database = database
        self._key = key
        self._guard = guard or Guard()
        self._scanned = Guard(each=SCANNED_MAX, together=SCANNED_TOGETHER_MAX)

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

    async def of_card(self, code: str, visit: str) -> str | None:
        """The name of the member whose card was scanned in a visit; None for what is no card of this store.

        CardBlocked, CardExpired. Numbers that only could be a member's are none here: most are mistyped barcodes.
        """
        now = self._database.clock.now()
        if self._scanned.pause_s(visit, now.timestamp()):
            return None
        self._scanned.wrong(visit, now.timestamp())  # before the look, so that many at once are counted
        hashed = code_hash(code)
        card = await self._database.read(lambda connection: cards.by_code(connection, hashed))
        if card is None or card.kind != "member":
            return None
        self._scanned.right(visit)
        if (refusal := card.refusal(micros(now), card.currency)) is not None:
            raise refusal
        return self._of(card)

    async def _find(self, code: str, now_us: int) -> str | None:
        hashed = code_hash(code)
        card = await self._database.read(lambda connection: cards.by_code(connection, hashed))
        if card is not None and card.kind == "member":
            if card.refusal(now_us, card.currency) is not None:
                return None
            return self._of(card)
        return self._named(f"number:{code}") if is_member_card(code) else None

    def _of(self, card: Card) -> str:
        return self._named(f"member:{card.member}" if card.member else f"card:{card.card_id}")

    def _named(self, who: str) -> str:
        return hmac.digest(self._key, who.encode(), "sha256").hex()[:NAME_LENGTH]


def is_member_card(number: str) -> bool:
    """Whether ``number`` can be a member's card: 10 to 19 digits that sum up (Luhn, ISO/IEC 7812-1 annex B).

    >>> is_member_card("7992739871"), is_member_card("79927398713")
    (False, True)
    """
    if not (10 <= len(number) <= 19 and number.isascii() and number.isdigit()):
        return False
    doubled = [int(digit) * (2 if position % 2 else 1) for position, digit in enumerate(reversed(number))]
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0
