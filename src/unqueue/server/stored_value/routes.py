"""HTTP of stored value: the balance for whoever holds a card, everything else for staff."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import msgspec
from litestar import Request, post
from litestar.datastructures import State
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, JSONBody

from unqueue.kernel.clock import Clock, micros
from unqueue.kernel.money import Money
from unqueue.server.access import Access, Principal
from unqueue.server.guesses import Guard
from unqueue.server.stored_value.model import CardUnknown, Kind, Status
from unqueue.server.stored_value.service import CardView, MoveView, NewCard, StoredValue, card_view
from unqueue.server.trips.service import normal_id

AnyRequest = Request[Any, Any, State]
Amount = Annotated[int, msgspec.Meta(gt=0, le=10_000_000)]
Countersign = Callable[[str, str], Awaitable[Principal]]
"""Who signs as a second person, by name and PIN; staff, who stand above stored value, hand it in."""
CodeText = Annotated[str, msgspec.Meta(min_length=4, max_length=128)]


class CodeAsked(msgspec.Struct, frozen=True):
    """A card, as it was scanned, swiped or typed."""

    code: CodeText


class Signature(msgspec.Struct, frozen=True):
    """A second person signs at the desk of the first."""

    name: Annotated[str, msgspec.Meta(max_length=80)]
    pin: Annotated[str, msgspec.Meta(max_length=32)]


class CardAsked(msgspec.Struct, frozen=True):
    """A card to issue. ``amount_minor`` lies on it; ``days`` it is good for, or for ever. ``second`` signs for the
    amount, where that takes two persons.
    """

    id: str
    kind: Kind
    codes: Annotated[list[CodeText], msgspec.Meta(min_length=1, max_length=8)]
    amount_minor: Annotated[int, msgspec.Meta(ge=0, le=10_000_000)] = 0
    member: Annotated[str, msgspec.Meta(max_length=64)] | None = None
    days: Annotated[int, msgspec.Meta(gt=0, le=36_500)] | None = None
    second: Signature | None = None


class TopUp(msgspec.Struct, frozen=True):
    id: str
    amount_minor: Amount
    second: Signature | None = None


class StatusAsked(msgspec.Struct, frozen=True):
    status: Status


class CardDetail(msgspec.Struct, frozen=True):
    card: CardView
    moves: list[MoveView]


def routes(
    cards: StoredValue,
    access: Access,
    clock: Clock,
    currency: str,
    guard: Guard | None = None,
    *,
    countersign: Countersign,
) -> list[HTTPRouteHandler]:
    """All routes of the store's cards. ``guard`` slows guessing down, here and where one pays with a card."""
    guard = guard or Guard()

    async def signed(second: Signature | None) -> Principal | None:
        return await countersign(second.name, second.pin) if second is not None else None

    @post("/api/stored-value/balance", status_code=200, tags=["stored value"])
    async def balance(data: JSONBody[CodeAsked], request: AnyRequest) -> CardView:
        """What lies on a card, before paying with it. 429 ``too_many_guesses`` after a few unknown ones."""
        await access.principal(request, "trip", "order", "device", "staff")
        asker = request.client.host if request.client is not None else ""
        guard.check(asker, clock.now().timestamp())
        try:
            return card_view(await cards.find(data.code))
        except CardUnknown:
            guard.wrong(asker, clock.now().timestamp())
            raise

    @post("/api/stored-value/cards", status_code=201, tags=["stored value"])
    async def issue(data: JSONBody[CardAsked], request: AnyRequest) -> CardView:
        """Hand out a card at the service desk; the same ``id`` again is the same card. 409 ``move_conflict`` for
        another card with that id, ``second_signature_needed``.
        """
        staff = await access.staff(request, "issue_cards")
        expires_us = micros(clock.now()) + data.days * 86_400_000_000 if data.days is not None else None
        wanted = NewCard(data.codes, data.kind, Money(data.amount_minor, currency), data.member, expires_us)
        return card_view(await cards.issue(wanted, normal_id(data.id), staff, await signed(data.second)))

    @post("/api/stored-value/cards/{card_id:str}/top-up", status_code=200, tags=["stored value"])
    async def top_up(card_id: FromPath[str], data: JSONBody[TopUp], request: AnyRequest) -> CardView:
        """Put more onto a card. 409 ``second_signature_needed``."""
        staff = await access.staff(request, "fill_cards")
        amount, second = Money(data.amount_minor, currency), await signed(data.second)
        return card_view(await cards.top_up(normal_id(card_id), amount, normal_id(data.id), staff, second))

    @post("/api/stored-value/cards/{card_id:str}/status", status_code=200, tags=["stored value"])
    async def set_status(card_id: FromPath[str], data: JSONBody[StatusAsked], request: AnyRequest) -> CardView:
        """Block a card, or let it be used again."""
        principal = await access.staff(request, "block_cards" if data.status == "blocked" else "unblock_cards")
        return card_view(await cards.set_status(normal_id(card_id), data.status, principal.actor))

    @post("/api/stored-value/find", status_code=200, tags=["stored value"])
    async def find(data: JSONBody[CodeAsked], request: AnyRequest) -> CardDetail:
        """A card and what happened to it."""
        await access.staff(request, "look_up")
        card = await cards.find(data.code)
        return CardDetail(card_view(card), await cards.moves(card.card_id))

    return [balance, issue, top_up, set_status, find]
