"""The lane's own decisions while the server can't be asked. It answers what the server would, from the pass alone.

A pass names the one lane that may take it in that time, and the server binds every pass before it hands it out: so two
lanes that are cut off never let the same order out. A lane that can still ask the server releases an order that is
bound to another lane only after that one said that it knows, or that it is too late for its passes and it has not let
it out (:mod:`unqueue.server.exits.bindings`). So what matters here: an order that the server said is taken is never let
out, nor one that was at this lane before, nor one whose pass has ended by the clock that the server was told of. A lane
that has not heard the server since it started knows none of this, and lets nobody out by itself.
"""

import base64
from collections.abc import Callable, Iterable
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from unqueue.kernel.ids import new_id
from unqueue.lane.book import OfflineBook
from unqueue.lane.sequence.words import Abandon, Claim, ExitInfo, Left, Release, Request, TellWeighing
from unqueue.lane.server import Briefing, weighing_body
from unqueue.lane.weighing import Expected, Line
from unqueue.passes import signed
from unqueue.passes.signed import PassClaims, PassExpired, PassInvalid
from unqueue.station.link import ServerRefused

FORGET_AFTER_S = 7 * 24 * 3600.0
"""No pass is good for so long."""


class Refusal(ServerRefused):
    """The lane's own no, in place of the server's; ``code`` is one of the server's, or says what is missing here."""

    def __init__(self, code: str) -> None:
        super().__init__({"code": code})


class _Held(msgspec.Struct):
    """An exit that the lane decides about until it has ended."""

    exit: ExitInfo
    claims: PassClaims
    text: str
    shown_s: float
    weighing: dict[str, Any] | None = None
    tags_deactivated: bool | None = None
    left_passages: int | None = None


class OfflineDesk:
    """One lane's own decisions. ``clock`` is monotonic, in seconds; ``book`` has what the server has still to hear."""

    def __init__(self, lane_id: str, book: OfflineBook, clock: Callable[[], float]) -> None:
        self._lane_id = lane_id
        self._book = book
        self.clock = clock
        self._briefing: Briefing | None = None
        self._heard_s = 0.0
        self._clock_s = 0.0
        self._key: Ed25519PublicKey | None = None
        self._used: dict[str, float] = {}
        """Orders that came to a lane that asked the server, this one or another; and since when that is known."""
        self._given_up: dict[str, float] = {}
        self._held: dict[str, _Held] = {}
        self._orders: dict[str, str] = {}
        """The order of the exit that the server told of last."""
        self._later: list[tuple[Request, str]] = []

    # What it knows.

    def hear(self, briefing: Briefing, asked_s: float) -> None:
        """The server's word. The question was sent at ``asked_s``: the server's clock is not ahead of what follows."""
        self._briefing = briefing
        self._heard_s = asked_s
        self._key = Ed25519PublicKey.from_public_bytes(base64.b64decode(briefing.public_key))
        self._note(self._used, briefing.taken)
        self._note(self._given_up, briefing.given_up)
        for held in list(self._held.values()):
            if held.exit.order_id in self._given_up and held.exit.status != "released":
                self._give_back(held, "given_up")

    def _note(self, orders: dict[str, float], order_ids: Iterable[str]) -> None:
        """Remember orders, and forget those whose passes have long ended."""
        now_s = self.clock()
        orders.update(dict.fromkeys(order_ids, now_s))
        for order_id in [one for one, since_s in orders.items() if now_s - since_s > FORGET_AFTER_S]:
            del orders[order_id]

    def heard(self, at_lane: str | None) -> list[str]:
        """The orders that this lane has been told not to take, and can give up: neither is one of them at the lane, as
        ``at_lane`` or in its own hand, nor has it let one out that the server does not know of.
        """
        if self._briefing is None:
            return []
        in_hand = {at_lane, *(held.exit.order_id for held in self._held.values()), *self.let_out()}
        return [one for one in self._briefing.taken if one not in in_hand]

    def give_up(self, at_lane: str | None) -> list[str]:
        """The same, given up for good: once the server hears of it, another lane may let them out."""
        given_up = self.heard(at_lane)
        self._note(self._given_up, given_up)
        return given_up

    def let_out(self) -> list[str]:
        """The orders that this lane let out by itself, and that the server does not know of."""
        return [body["order_id"] for _, _, body in self._book.untold()]

    def silent_s(self) -> float | None:
        """How long the server has not been heard; None where it never was."""
        return self.clock() - self._heard_s if self._briefing is not None else None

    def used_by(self, exits: Iterable[ExitInfo]) -> None:
        """Exits that the server told of: their orders may have left by now."""
        exits = list(exits)
        self._note(self._used, (one.order_id for one in exits))
        self._orders = {one.exit_id: one.order_id for one in exits if one.status in {"claimed", "accepted"}}

    # What it decides.

    def holds(self, exit_id: str) -> bool:
        return exit_id in self._held

    def in_hand(self) -> tuple[ExitInfo, ...]:
        return tuple(held.exit for held in self._held.values())

    def refuse_if_let_out(self, request: Claim) -> None:
        """Refusal for an order that has left here, which the server does not take from this lane."""
        let_out = self._book.untold()
        if not let_out:
            return
        if self._briefing is None or self._key is None:
            raise Refusal("pass_needs_staff")
        try:
            shown = signed.authentic(request.pass_ or "", self._key, store_id=self._briefing.store_id)
            order_id = shown.order_id.hex()
        except PassInvalid:
            order_id = ""
        if any(order_id == body["order_id"] or request.order_number == body.get("number") for _, _, body in let_out):
            raise Refusal("order_left")

    def claim(self, text: str | None, exit_id: str) -> ExitInfo:
        """An order by its pass; Refusal."""
        claims = self._read(text or "")
        order_id = claims.order_id.hex()
        if order_id in self._used or order_id in self._given_up or order_id in self.let_out():
            raise Refusal("pass_needs_staff")  # it may have left, and the server can't be asked
        one = ExitInfo(
            exit_id=exit_id,
            status="claimed",
            number=claims.number,
            item_count=claims.items,
            lines=_goods(claims),
            order_id=claims.order_id.hex(),
            tags=claims.tags,
            expected=_limits(claims),
            offline=True,
        )
        self._note(self._used, [order_id])
        self._held[exit_id] = _Held(one, claims, text or "", self.now_s() or 0.0)
        return one

    def take_over(self, one: ExitInfo, text: str) -> bool:
        """Go on alone with an exit that began with the server. Whether the pass that was shown for it allows that, and
        nobody has to look at it.
        """
        if one.checks and one.status != "released":
            return False
        try:
            claims = self._of_this_lane(text)
        except Refusal:
            return False
        if claims.order_id.hex() != one.order_id or one.order_id in self._given_up:
            return False
        if self._has_ended(claims):
            return False
        self._held[one.exit_id] = _Held(msgspec.structs.replace(one, offline=True), claims, text, self.now_s() or 0.0)
        return True

    def answer(self, request: Request) -> ExitInfo:
        """What the server would answer about an exit in hand; Refusal."""
        held = self._held[getattr(request, "exit_id", "")]
        match request:
            case TellWeighing(_, verdict):
                fits = verdict.verdict == "pass" and not held.exit.checks
                held.weighing = weighing_body(request, new_id())
                held.exit = _with(held.exit, weighing=verdict, status="accepted" if fits else "claimed")
            case Release(_, passages, tags_deactivated):
                self._release(held, passages, tags_deactivated=tags_deactivated)
            case Left(exit_id, passages):
                held.left_passages = passages
                held.exit = _with(held.exit, status="left")
                self._book.write(exit_id, self._told_of(held))
                del self._held[exit_id]
            case Abandon(exit_id, reason):
                held.exit = _with(held.exit, status="abandoned")
                # The order was never let out, so it may come again, here too.
                self._used.pop(held.exit.order_id, None)
                self._give_back(held, reason)
            case _:
                raise Refusal("exit_conflict")
        return held.exit

    def ask_later(self, request: Request, request_id: str) -> bool:
        """Whether a request can wait for the server, for what it says is over changes nothing any more."""
        can_wait = isinstance(request, Left | Abandon)
        if can_wait:
            self._later.append((request, request_id))
        if isinstance(request, Abandon):  # it was not let out, so it may come again with its pass
            self._used.pop(self._orders.pop(request.exit_id, ""), None)
        return can_wait

    def undecided(self) -> list[tuple[str, Claim]]:
        """Exits in hand that wait for a look at the goods, each with how to claim it: once the server is back, staff
        can help with them.
        """
        waiting = [(exit_id, held) for exit_id, held in self._held.items() if held.exit.status == "claimed"]
        return [(exit_id, Claim(pass_=held.text, shown_s=held.shown_s)) for exit_id, held in waiting]

    def ended(self, exit_id: str) -> None:
        """The server heard from the sequence that a shopper left, whose exit this lane had decided."""
        self._book.ended(exit_id)

    def hand_over(self, exit_id: str) -> None:
        """The server decides about an exit from now on, unless it was cleared meanwhile."""
        held = self._held.get(exit_id)
        if held is not None and held.exit.status == "claimed":
            del self._held[exit_id]

    def _give_back(self, held: _Held, reason: str) -> None:
        self._later.append((Abandon(held.exit.exit_id, reason), new_id()))
        del self._held[held.exit.exit_id]

    def _release(self, held: _Held, passages: int, *, tags_deactivated: bool | None) -> None:
        if held.exit.status == "released":
            return
        if held.exit.status != "accepted":
            raise Refusal("exit_not_accepted")
        if self._has_ended(held.claims):
            self._give_back(held, "pass_expired")
            raise Refusal("pass_expired")  # from now on another lane may have it
        if held.exit.order_id in self._given_up:
            self._give_back(held, "given_up")
            raise Refusal("pass_needs_staff")
        held.tags_deactivated = tags_deactivated
        released = _with(held.exit, status="released", passages=passages)
        self._book.write(held.exit.exit_id, self._told_of(held, released))
        held.exit = released

    def _told_of(self, held: _Held, one: ExitInfo | None = None) -> dict[str, Any]:
        now = one or held.exit
        return {
            "id": now.exit_id,
            "order_id": now.order_id,
            "number": now.number,
            "pass": held.text,
            "passages": now.passages or 0,
            "weighing": held.weighing,
            "left_passages": held.left_passages,
            "tags_deactivated": held.tags_deactivated,
        }

    # What the server has still to hear.

    def untold(self) -> list[tuple[str, int, dict[str, Any]]]:
        """Id, version and body of what was decided, the oldest first."""
        return self._book.untold()

    def told(self, exit_id: str, version: int) -> None:
        self._book.told(exit_id, version)

    def later(self) -> list[tuple[Request, str]]:
        """Requests that can wait, each with its id."""
        return list(self._later)

    def done(self, request_id: str) -> None:
        self._later = [one for one in self._later if one[1] != request_id]

    # Passes.

    def now_s(self) -> float | None:
        """The server's clock, in seconds since 1970, never behind it and never going back; None where it was never
        heard.
        """
        if self._briefing is None:
            return None
        self._clock_s = max(self._clock_s, self._briefing.now_s + (self.clock() - self._heard_s))
        return self._clock_s

    def _has_ended(self, claims: PassClaims) -> bool:
        now_s = self.now_s()
        return now_s is None or now_s >= claims.expires_s

    def _read(self, text: str) -> PassClaims:
        self._of_this_lane(text)
        assert self._briefing is not None
        assert self._key is not None
        try:
            return signed.verify(text, self._key, store_id=self._briefing.store_id, now_s=self.now_s() or 0.0)
        except PassExpired as error:
            raise Refusal("pass_expired") from error
        except PassInvalid as error:
            raise Refusal("pass_invalid") from error

    def _of_this_lane(self, text: str) -> PassClaims:
        if self._briefing is None or self._key is None:
            raise Refusal("pass_needs_staff")
        try:
            claims = signed.authentic(text, self._key, store_id=self._briefing.store_id)
        except PassInvalid as error:
            raise Refusal("pass_invalid") from error
        if not claims.lane:
            raise Refusal("pass_needs_staff")
        if claims.lane != self._lane_id:
            raise Refusal("pass_of_other_lane")
        return claims


def _with(one: ExitInfo, **changes: Any) -> ExitInfo:
    return msgspec.structs.replace(one, **changes)


def _goods(claims: PassClaims) -> tuple[Line, ...]:
    """All goods as one line: a pass says nothing of what they are."""
    return (Line(0, "", "商品", "Goods", max(claims.items, 1), claims.expected_g, claims.sigma_g),)


def _limits(claims: PassClaims) -> Expected | None:
    if claims.high_g == 0:
        return None
    return Expected(claims.expected_g, claims.sigma_g, claims.low_g, claims.high_g)
