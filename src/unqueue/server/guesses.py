"""Numbers that people type can be guessed: after a few wrong ones, typing pauses. Pure."""

import math

from unqueue.kernel.errors import DomainError


class TooManyGuesses(DomainError):
    """Details: ``retry_after_s``."""

    code = "too_many_guesses"
    status = 429
    permanent = False
    zh = "号码输错了几次，请扫码，或按求助"
    en = "The number was wrong a few times. Please scan the code, or press Help."


class Guesses:
    """Counts numbers that were typed somewhere and do not exist: ``limit`` within ``window_s`` seconds, then
    typing pauses. The clock comes as an argument.

    >>> guesses = Guesses(limit=2, window_s=300)
    >>> guesses.wrong(0.0), guesses.wrong(10.0), guesses.pause_s(11.0), guesses.pause_s(300.5)
    (None, None, 289, 0)
    """

    def __init__(self, *, limit: int = 5, window_s: int = 300) -> None:
        self._limit = limit
        self._window_s = window_s
        self._wrong_s: list[float] = []

    def wrong(self, now_s: float) -> None:
        self._wrong_s = [at_s for at_s in self._wrong_s if now_s - at_s < self._window_s]
        self._wrong_s.append(now_s)

    def pause_s(self, now_s: float) -> int:
        """Whole seconds until typing is possible again; 0 when it is."""
        recent = [at_s for at_s in self._wrong_s if now_s - at_s < self._window_s]
        if len(recent) < self._limit:
            return 0
        return math.ceil(recent[-self._limit] + self._window_s - now_s)
