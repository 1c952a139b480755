"""Numbers that people type can be guessed: after a few wrong ones, typing pauses. Pure."""

import math

from unqueue.kernel.errors import DomainError


class TooManyGuesses(DomainError):
    """Details: ``retry_after_s``."""

    code = "too_many_guesses"
    status = 429
    permanent = False
    zh = "号码输错了几次，请扫码，或请店员帮忙"
    en = "The number was wrong a few times. Please scan the code, or call staff."


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

    def right(self) -> None:
        """The last one that was counted was none."""
        del self._wrong_s[-1:]

    def pause_s(self, now_s: float) -> int:
        """Whole seconds until typing is possible again; 0 when it is."""
        recent = [at_s for at_s in self._wrong_s if now_s - at_s < self._window_s]
        if len(recent) < self._limit:
            return 0
        return math.ceil(recent[-self._limit] + self._window_s - now_s)


class Guard:
    """Slows guessing down over all askers: ``each`` by itself, and everybody ``together``, in five minutes.

    >>> guard = Guard()
    >>> for _ in range(5):
    ...     guard.wrong("10.0.0.7", 0.0)
    >>> guard.pause_s("10.0.0.7", 1.0), guard.pause_s("10.0.0.8", 1.0)
    (299, 0)
    """

    def __init__(self, *, each: int = 5, together: int = 100, askers_max: int = 10_000) -> None:
        self._each = each
        self._together = Guesses(limit=together)
        self._askers: dict[str, Guesses] = {}
        self._askers_max = askers_max

    def wrong(self, asker: str, now_s: float) -> None:
        """Somebody guessed wrong."""
        if asker not in self._askers and len(self._askers) >= self._askers_max:
            self._askers.clear()  # the limit for everybody together still holds
        self._askers.setdefault(asker, Guesses(limit=self._each)).wrong(now_s)
        self._together.wrong(now_s)

    def right(self, asker: str) -> None:
        """What was counted last for this asker was no wrong guess."""
        if asker in self._askers:
            self._askers[asker].right()
        self._together.right()

    def pause_s(self, asker: str, now_s: float) -> int:
        """Whole seconds until this asker may guess again; 0 when it may."""
        known = self._askers.get(asker)
        return max(self._together.pause_s(now_s), known.pause_s(now_s) if known is not None else 0)

    def check(self, asker: str, now_s: float, refusal: type[TooManyGuesses] = TooManyGuesses) -> None:
        """``refusal`` while guessing pauses."""
        if pause_s := self.pause_s(asker, now_s):
            raise refusal(retry_after_s=pause_s)
