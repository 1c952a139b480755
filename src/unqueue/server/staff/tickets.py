"""Tickets for what begins here and is finished a moment later: they are ours, short-lived, and good for one time.

A ticket that waits costs no memory, however many are asked for by whoever: its own stamp says that we made it, and
when. Only those that were used are remembered, until they would have run out anyway.
"""

import base64
import hashlib
import hmac
import secrets

from unqueue.kernel.clock import Clock, micros
from unqueue.kernel.errors import DomainError

LIFE_S = 300
_USED_MAX = 50_000
_WHEN_BYTES, _CHANCE_BYTES, _STAMP_BYTES = 8, 16, 32
TICKET_BYTES = _WHEN_BYTES + _CHANCE_BYTES + _STAMP_BYTES


class TicketSpent(DomainError):
    """Too late, used already, none of ours, or made for somebody or something else."""

    code = "sign_in_expired"
    status = 409
    permanent = False
    zh = "这一步等得太久了，请再试一次"
    en = "That took too long. Please try again."


class TicketsBusy(DomainError):
    """Details: ``retry_after_s``."""

    code = "sign_in_busy"
    status = 429
    permanent = False
    zh = "现在登录的人太多，请 {retry_after_s} 秒后再试"
    en = "Too many are signing in right now. Please wait {retry_after_s} seconds."


class Tickets:
    """Makes tickets and takes them, each once. A ticket of before this process's start is none of ours."""

    def __init__(self, clock: Clock, *, life_s: int = LIFE_S, used_max: int = _USED_MAX) -> None:
        self._clock = clock
        self._life_us = life_s * 1_000_000
        self._used_max = used_max
        self._key = secrets.token_bytes(32)
        self._used: dict[bytes, int] = {}

    def issue(self, purpose: str, about: str = "") -> bytes:
        """A new ticket of 56 bytes for one purpose, ``about`` somebody or nobody in particular."""
        until_us = micros(self._clock.now()) + self._life_us
        body = until_us.to_bytes(_WHEN_BYTES, "big") + secrets.token_bytes(_CHANCE_BYTES)
        return body + self._stamp(body, purpose, about)

    def spend(self, ticket: bytes, purpose: str, about: str = "") -> None:
        """Take a ticket. TicketSpent where it is not good for this, or not any more."""
        now_us = micros(self._clock.now())
        body, stamp = ticket[:-_STAMP_BYTES], ticket[-_STAMP_BYTES:]
        ours = len(ticket) == TICKET_BYTES and hmac.compare_digest(stamp, self._stamp(body, purpose, about))
        until_us = int.from_bytes(body[:_WHEN_BYTES], "big")
        if not ours or until_us <= now_us or ticket in self._used:
            raise TicketSpent
        if len(self._used) >= self._used_max:
            self._used = {used: end_us for used, end_us in self._used.items() if end_us > now_us}
        if len(self._used) >= self._used_max:
            raise TicketsBusy(retry_after_s=-(-(min(self._used.values()) - now_us) // 1_000_000))
        self._used[ticket] = until_us

    def secret(self, ticket: bytes, what: str) -> str:
        """A secret that belongs to a ticket and that nobody can tell from it: 43 URL-safe characters."""
        return url_safe(hmac.digest(self._key, b"secret\0" + what.encode() + b"\0" + ticket, hashlib.sha256))

    def _stamp(self, body: bytes, purpose: str, about: str) -> bytes:
        return hmac.digest(self._key, b"\0".join((b"ticket", purpose.encode(), about.encode(), body)), hashlib.sha256)


def url_safe(data: bytes) -> str:
    """Base64url without padding (RFC 4648 section 5).

    >>> url_safe(bytes([251, 255]))
    '-_8'
    """
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def from_url_safe(text: str) -> bytes:
    """The bytes of base64url without padding. ValueError for other text.

    >>> from_url_safe("-_8").hex()
    'fbff'
    """
    padded = text.encode("ascii") + b"=" * (-len(text) % 4)
    return base64.b64decode(padded, altchars=b"-_", validate=True)
