"""The lane's own decisions while the server can't be asked. It answers what the server would, from the pass alone.

A pass names the one lane that may take it in that time, and the server binds every pass before it hands it out: so two
lanes that are cut off never let the same order out. A lane that can still ask the server releases an order that is
bound to another lane only after that one said that it knows (:mod:`unqueue.server.exits.bindings`). So what matters
here: an order that the server said is taken is never let out, nor one that was at this lane before; and a pass that has
ended by the server's clock, which is reckoned from the last time it was heard, never in the server's disfavour. A lane
that has not heard the server since it started knows neither, and lets nobody out by itself.
"""

import base64
from collections.abc import Callable, Iterable
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from unqueue.kernel.ids import new_id
from unqueue.lane.book import OfflineBook
from unqueue.lane.sequence.words import Abandon, ExitInfo, Left, Release, Request, TellWeighing
from unqueue.lane.server import Briefing, weighing_body
from unqueue.lane.weighing import Expected, Line
from unqueue.passes import signed
from unqueue.passes.signed import PassClaims, PassExpired, PassInvalid
from unqueue.station.link import ServerRefused


class Refusal(ServerRefused):
    """The lane's own no, in place of the server's; ``code`` is one of the server's, or says what is missing here."""

    def __init__(self, code: str) -> None:
        super().__init__({"code": code})


class _Held(msgspec.Struct):
    """An exit that the lane decides about until it has ended."""

    exit: ExitInfo
    claims: PassClaims
    text: str
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
        self._key: Ed25519PublicKey | None = None
        self._used: set[str] = set()
        """Orders that came to a lane that asked the server, this one or another."""
        self._given_up: set[str] = set()
        self._held: dict[str, _Held] = {}
        self._later: list[tuple[Request, str]] = []

    # What it knows.

    def hear(self, briefing: Briefing, asked_s: float) -> None:
        """The server's word. The question was sent at ``asked_s``: the server's clock is not ahead of what follows."""
        self._briefing = briefing
        self._heard_s = asked_s
        self._key = Ed25519PublicKey.from_public_bytes(base64.b64decode(briefing.public_key))
        self._used.update(briefing.taken)

    def heard(self, at_lane: str | None) -> list[str]:
        """The orders that this lane has been told not to take, and can give up: neither is one of them at the lane, as
        ``at_lane`` or in its own hand, nor has it let one out that the server does not know of.
        """
        if self._briefing is None:
            return []
        in_hand = {at_lane, *(held.exit.order_id for held in self._held.values())}
        in_hand.update(body["order_id"] for _, _, body in self._book.untold())
        return [one for one in self._briefing.taken if one not in in_hand]

    def give_up(self, at_lane: str | None) -> list[str]:
        """The same, given up for good: once the server hears of it, another lane may let them out."""
        given_up = self.heard(at_lane)
        self._given_up.update(given_up)
        return given_up

    def silent_s(self) -> float | None:
        """How long the server has not been heard; None where it never was."""
        return self.clock() - self._heard_s if self._briefing is not None else None

    def used_by(self, exits: Iterable[ExitInfo]) -> None:
        """Exits that the server told of: their orders may have left by now."""
        self._used.update(one.order_id for one in exits)

    # What it decides.

    def holds(self, exit_id: str) -> bool:
        return exit_id in self._held

    def in_hand(self) -> tuple[ExitInfo, ...]:
        return tuple(held.exit for held in self._held.values())

    def claim(self, text: str | None, exit_id: str) -> ExitInfo:
        """An order by its pass; Refusal."""
        claims = self._read(text or "")
        if claims.order_id.hex() in self._used | self._given_up:
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
        self._used.add(one.order_id)
        self._held[exit_id] = _Held(one, claims, text or "")
        return one

    def take_over(self, one: ExitInfo, text: str) -> bool:
        """Go on alone with an exit that began with the server. Whether the pass that was shown for it allows that."""
        try:
            claims = self._of_this_lane(text)
        except Refusal:
            return False
        if claims.order_id.hex() != one.order_id or one.order_id in self._given_up:
            return False
        if self._now_s() >= claims.expires_s:
            return False
        self._held[one.exit_id] = _Held(msgspec.structs.replace(one, offline=True), claims, text)
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
                self._used.discard(held.exit.order_id)
                self._later.append((Abandon(exit_id, reason), new_id()))
                del self._held[exit_id]
            case _:
                raise Refusal("exit_conflict")
        return held.exit

    def answer_later(self, request: Request, request_id: str, one: ExitInfo) -> ExitInfo | None:
        """An end that changes nothing any more is told when the server is back; None for anything else."""
        if isinstance(request, Left | Abandon):
            self._later.append((request, request_id))
            return _with(one, status="left" if isinstance(request, Left) else "abandoned")
        return None

    def _release(self, held: _Held, passages: int, *, tags_deactivated: bool) -> None:
        if held.exit.status == "released":
            return
        if held.exit.status != "accepted":
            raise Refusal("exit_not_accepted")
        if self._now_s() >= held.claims.expires_s:
            raise Refusal("pass_expired")  # from now on another lane may have it
        held.tags_deactivated = tags_deactivated
        released = _with(held.exit, status="released", passages=passages)
        self._book.write(held.exit.exit_id, self._told_of(held, released))
        held.exit = released

    def _told_of(self, held: _Held, one: ExitInfo | None = None) -> dict[str, Any]:
        now = one or held.exit
        return {
            "id": now.exit_id,
            "order_id": now.order_id,
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

    def put_aside(self, exit_id: str, version: int) -> None:
        """The server will never take it."""
        self._book.put_aside(exit_id, version)

    def later(self) -> list[tuple[Request, str]]:
        """Requests that can wait, each with its id."""
        return list(self._later)

    def done(self, request_id: str) -> None:
        self._later = [one for one in self._later if one[1] != request_id]

    # Passes.

    def _now_s(self) -> float:
        assert self._briefing is not None, "a pass is read only after the server was heard"
        return self._briefing.now_s + (self.clock() - self._heard_s)

    def _read(self, text: str) -> PassClaims:
        self._of_this_lane(text)
        assert self._briefing is not None
        assert self._key is not None
        try:
            return signed.verify(text, self._key, store_id=self._briefing.store_id, now_s=self._now_s())
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
