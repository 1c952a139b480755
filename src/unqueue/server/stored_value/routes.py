"""HTTP of stored value: the balance for whoever holds a card, everything else for staff."""

from typing import Annotated, Any

import msgspec
from litestar import Request, post
from litestar.datastructures import State
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, JSONBody

from unqueue.kernel.clock import Clock, micros
from unqueue.kernel.money import Money
from unqueue.server.access import Access
from unqueue.server.guesses import Guard
from unqueue.server.stored_value.model import CardUnknown, Kind, Status
from unqueue.server.stored_value.service import CardView, MoveView, NewCard, StoredValue, card_view
from unqueue.server.trips.service import normal_id

AnyRequest = Request[Any, Any, State]
Amount = Annotated[int, msgspec.Meta(gt=0, le=10_000_000)]
CodeText = Annotated[str, msgspec.Meta(min_length=4, max_length=128)]


class CodeAsked(msgspec.Struct, frozen=True):
    """A card, as it was scanned, swiped or typed."""

    code: CodeText


class CardAsked(msgspec.Struct, frozen=True):
    """A card to issue. ``amount_minor`` lies on it; ``days`` it is good for, or for ever."""

    id: str
    kind: Kind
    codes: Annotated[list[CodeText], msgspec.Meta(min_length=1, max_length=8)]
    amount_minor: Annotated[int, msgspec.Meta(ge=0, le=10_000_000)] = 0
    member: Annotated[str, msgspec.Meta(max_length=64)] | None = None
    days: Annotated[int, msgspec.Meta(gt=0, le=36_500)] | None = None


class TopUp(msgspec.Struct, frozen=True):
    id: str
    amount_minor: Amount


class StatusAsked(msgspec.Struct, frozen=True):
    status: Status


class CardDetail(msgspec.Struct, frozen=True):
    card: CardView
    moves: list[MoveView]


def routes(
    cards: StoredValue, access: Access, clock: Clock, currency: str, guard: Guard | None = None
) -> list[HTTPRouteHandler]:
    """All routes of the store's cards. ``guard`` slows guessing down, here and where one pays with a card."""
    guard = guard or Guard()

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
        """Hand out a card at the service desk; the same ``id`` again is the same card."""
        principal = await access.principal(request, "staff")
        expires_us = micros(clock.now()) + data.days * 86_400_000_000 if data.days is not None else None
        wanted = NewCard(data.codes, data.kind, Money(data.amount_minor, currency), data.member, expires_us)
        return card_view(await cards.issue(wanted, normal_id(data.id), principal.actor))

    @post("/api/stored-value/cards/{card_id:str}/top-up", status_code=200, tags=["stored value"])
    async def top_up(card_id: FromPath[str], data: JSONBody[TopUp], request: AnyRequest) -> CardView:
        """Put more onto a card."""
        principal = await access.principal(request, "staff")
        amount = Money(data.amount_minor, currency)
        return card_view(await cards.top_up(normal_id(card_id), amount, normal_id(data.id), principal.actor))

    @post("/api/stored-value/cards/{card_id:str}/status", status_code=200, tags=["stored value"])
    async def set_status(card_id: FromPath[str], data: JSONBody[StatusAsked], request: AnyRequest) -> CardView:
        """Block a card, or let it be used again."""
        principal = await access.principal(request, "staff")
        return card_view(await cards.set_status(normal_id(card_id), data.status, principal.actor))

    @post("/api/stored-value/find", status_code=200, tags=["stored value"])
    async def find(data: JSONBody[CodeAsked], request: AnyRequest) -> CardDetail:
        """A card and what happened to it."""
        await access.principal(request, "staff")
        card = await cards.find(data.code)
        return CardDetail(card_view(card), await cards.moves(card.card_id))

    return [balance, issue, top_up, set_status, find]
