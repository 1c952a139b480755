"""Who is asking: bearer tokens and the principals behind them.

A token is ``<letter>_<43 characters>``; the letter says whose it is and thereby who can look it up. Only its SHA-256
is stored. Each capability registers how its own tokens are resolved.
"""

from collections.abc import Callable
from typing import Any, Literal

import msgspec
from litestar.connection import ASGIConnection
from sqlalchemy import Connection

from unqueue.kernel.database import Database
from unqueue.kernel.errors import DomainError, NotAuthenticated, NotFound
from unqueue.kernel.ids import new_token, token_hash

Kind = Literal["trip", "order", "device", "staff", "enrolment"]
May = Literal[
    "floor",
    "calls",
    "look_up",
    "take_back",
    "second",
    "hand_over",
    "settle_refunds",
    "decide_payments",
    "issue_cards",
    "fill_cards",
    "fill_cards_alone",
    "block_cards",
    "unblock_cards",
    "reconcile",
    "audit_figures",
    "figures",
    "overrides",
]
"""What a member of staff may do; ``staff.model`` says which role may do what, and what each of these is."""
_LETTERS: dict[Kind, str] = {"trip": "t", "order": "o", "device": "d", "staff": "s", "enrolment": "e"}


class Principal(msgspec.Struct, frozen=True):
    """Who asks. ``id`` is the trip's, order's, device's or staff member's id; ``name`` is for people to read.

    An ``enrolment`` is a member of staff who may add a passkey, and nothing else yet.
    ``role`` is a staff member's role, or a device's kind. ``may``: what a member of staff may do; empty for others.
    """

    kind: Kind
    id: str
    name: str = ""
    role: str = ""
    may: frozenset[May] = frozenset()

    @property
    def actor(self) -> str:
        """How the journal names this principal."""
        return f"{self.kind}:{self.id}"


class NotAllowed(DomainError):
    """The role of a member of staff does not include it. Details: ``needs``, a :data:`May`."""

    code = "not_allowed"
    status = 403
    zh = "您的岗位不能做这一步，请叫主管"
    en = "This is not part of your role. Please call a supervisor."


Resolver = Callable[[Connection, str], Principal | None]


def issue_token(kind: Kind) -> tuple[str, str]:
    """A new token of a kind, and the hash that is stored of it."""
    token = f"{_LETTERS[kind]}_{new_token()}"
    return token, token_hash(token)


class Access:
    """Turns a request's token into its principal, or refuses."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._resolvers: dict[str, tuple[Kind, Resolver]] = {}

    def register(self, kind: Kind, resolver: Resolver) -> None:
        """Have tokens of ``kind`` looked up by ``resolver(connection, token_hash)``."""
        self._resolvers[_LETTERS[kind]] = (kind, resolver)

    async def principal(self, request: ASGIConnection[Any, Any, Any, Any], *kinds: Kind) -> Principal:
        """The principal of a request; NotAuthenticated without a good token, NotFound for one of another kind."""
        token = bearer(request)
        kind, resolver = self._resolvers.get(token[:1], (None, None))
        if resolver is None or kind is None:
            raise NotAuthenticated
        if kinds and kind not in kinds:
            raise NotFound
        hashed = token_hash(token)
        found = await self._database.read(lambda connection: resolver(connection, hashed))
        if found is None:
            raise NotAuthenticated
        return found

    async def staff(self, request: ASGIConnection[Any, Any, Any, Any], needs: May) -> Principal:
        """The member of staff who asks, if the role includes what it ``needs``; else NotAllowed."""
        principal = await self.principal(request, "staff")
        check_may(principal, needs)
        return principal


def check_may(principal: Principal, needs: May) -> None:
    """NotAllowed unless a principal is a member of staff who may do it."""
    if needs not in principal.may:
        raise NotAllowed(needs=needs)


def bearer(request: ASGIConnection[Any, Any, Any, Any]) -> str:
    """The token of ``Authorization: Bearer <token>`` (RFC 6750 section 2.1)."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise NotAuthenticated
    return token.strip()
