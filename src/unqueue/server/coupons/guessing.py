"""Codes of coupons can be guessed: after a number of unknown ones, looking for them pauses. Pure."""

from unqueue.server.coupons.refusals import TooManyCouponGuesses
from unqueue.server.guesses import Guard

VISIT_MAX = 20
ADDRESS_MAX = 400
"""A store's Wi-Fi gives all its phones one address, and a look under way counts: 200 at once are honest."""
TOGETHER_MAX = 1_000


class Guessing:
    """Counts unknown codes, in five minutes: of a visit, of an address (a whole shop floor may share one), and of all.

    A look is counted when it begins, so that many at once are not more than one after the other.

    >>> guessing = Guessing()
    >>> for _ in range(VISIT_MAX):
    ...     guessing.begin("a1", "10.0.0.7", 0.0)
    >>> guessing.begin("a2", "10.0.0.7", 1.0)
    >>> guessing.begin("a1", "10.0.0.7", 1.0)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    unqueue.server.coupons.refusals.TooManyCouponGuesses: too_many_guesses: ...
    """

    def __init__(self) -> None:
        self._visits = Guard(each=VISIT_MAX, together=TOGETHER_MAX)
        self._addresses = Guard(each=ADDRESS_MAX, together=TOGETHER_MAX)

    def begin(self, trip_id: str, address: str, now_s: float) -> None:
        """A code is about to be looked for; it counts unless :meth:`right` follows. TooManyCouponGuesses.

        ``address`` is the client's, empty where there is none; ``now_s`` is seconds since any fixed moment.
        """
        self._visits.check(trip_id, now_s, TooManyCouponGuesses)
        if address:
            self._addresses.check(address, now_s, TooManyCouponGuesses)
            self._addresses.wrong(address, now_s)
        self._visits.wrong(trip_id, now_s)

    def right(self, trip_id: str, address: str) -> None:
        """The code that was looked for last was a coupon's."""
        self._visits.right(trip_id)
        if address:
            self._addresses.right(address)
