"""The world around a simulated store: wallets with books of their own behind a bad line, and kiosks that hold cash.

What is out there survives the store's crashes. All chance comes from one seeded generator, and nothing here looks at a
clock: a call that is late waits until the simulation lets it go on.
"""

import asyncio
from collections.abc import Callable, Mapping
from random import Random
from typing import Any

import msgspec

from unqueue.kernel.money import Money
from unqueue.providers.port import (
    Acknowledgement,
    Action,
    Attempt,
    Channel,
    Charge,
    Notification,
    NotificationRefused,
    ProviderRefused,
    ProviderState,
    ProviderUnavailable,
    RefundNotification,
    RefundRequest,
    RefundState,
)
from unqueue.server.tills.model import (
    CashMoved,
    Debt,
    DebtSettled,
    MovedPieces,
    PaymentFinished,
    PayoutFinished,
    Report,
    Tendered,
)

CURRENCY = "CNY"


class Taken(msgspec.Struct):
    """A charge in a wallet's books. ``given``: refund id → minor units."""

    payment_id: str
    order_id: str
    number: str
    asked_minor: int
    status: str = "pending"
    taken_minor: int = 0
    given: dict[str, int] = {}

    def state(self) -> ProviderState:
        amount = Money(self.taken_minor or self.asked_minor, CURRENCY)
        return ProviderState(self.status, amount, self.order_id, f"W{self.payment_id[:8]}")  # type: ignore[arg-type]


class Late(msgspec.Struct):
    """A call on its way: its effect (None: it took place already), and who waits for the answer."""

    effect: Callable[[], Any] | None
    answer: "asyncio.Future[Any]"
    result: Any = None


class Line:
    """A bad line to a wallet. ``late`` are calls that wait; ``adrift`` are requests that nobody waits for any more and
    that may still arrive.
    """

    def __init__(self, chance: Random) -> None:
        self.chance = chance
        self.late: list[Late] = []
        self.adrift: list[Callable[[], Any]] = []
        self.is_calm = False

    async def call(self, effect: Callable[[], Any]) -> Any:
        """Do ``effect`` on the other side, or not, once or twice, now or later; its answer may be lost."""
        roll = 1.0 if self.is_calm else self.chance.random()
        if roll < 0.04:
            raise ProviderUnavailable("timeout", "the request is lost")
        if roll < 0.08:
            _attempt(effect)
            raise ProviderUnavailable("timeout", "the answer is lost")
        if roll < 0.10:
            self.adrift.append(effect)
            raise ProviderUnavailable("timeout", "the request is still on its way")
        if roll < 0.13:
            _attempt(effect)  # somebody in between sent it twice
        elif roll < 0.19:
            return await self._wait(Late(effect, asyncio.get_running_loop().create_future()))
        elif roll < 0.25:
            late = Late(None, asyncio.get_running_loop().create_future(), effect())
            return await self._wait(late)
        return effect()

    async def _wait(self, late: Late) -> Any:
        self.late.append(late)
        return await late.answer

    def let_go(self, index: int) -> None:
        """One of the late calls goes on: it arrives if it had not, and its answer comes, or is lost."""
        late = self.late.pop(index)
        if late.effect is not None:
            try:
                late.result = late.effect()
            except ProviderRefused as error:
                if not late.answer.done():
                    late.answer.set_exception(error)
                return
        if late.answer.done():
            return
        if not self.is_calm and self.chance.random() < 0.2:
            late.answer.set_exception(ProviderUnavailable("timeout", "the answer is lost"))
        else:
            late.answer.set_result(late.result)

    def caller_died(self) -> None:
        """Nobody waits any more. What was sent is sent."""
        self.adrift += [late.effect for late in self.late if late.effect is not None]
        self.late.clear()

    def arrive(self, index: int) -> None:
        _attempt(self.adrift.pop(index))


def _attempt(effect: Callable[[], Any]) -> None:
    try:
        effect()
    except ProviderRefused:
        return


class WalletBooks:
    """A wallet: what it was asked for, what it took, gave back, and still has to tell."""

    def __init__(self, name: str, chance: Random) -> None:
        self.name = name
        self.line = Line(chance)
        self.charges: dict[str, Taken] = {}
        self.to_tell: list[bytes] = []
        self.tries: dict[bytes, int] = {}
        self.refuses_refunds = False

    def pay(self, charge: Taken, amount_minor: int) -> None:
        """The shopper's money is taken, and the store is to hear of it."""
        charge.status, charge.taken_minor = "succeeded", amount_minor
        self.tell(charge)

    def tell(self, charge: Taken, **lies: Any) -> None:
        told = {"payment": charge.payment_id, "status": charge.status, "amount": charge.taken_minor, **lies}
        self.to_tell.append(msgspec.json.encode(told))

    def create(self, attempt: Attempt) -> Action:
        known = self.charges.get(attempt.attempt_id)
        if known is None:
            known = Taken(attempt.attempt_id, attempt.order_id, attempt.order_number, attempt.amount.amount_minor)
            self.charges[attempt.attempt_id] = known
        assert (known.order_id, known.asked_minor) == (attempt.order_id, attempt.amount.amount_minor), "another charge"
        return Action("redirect", f"https://wallet.example/{attempt.attempt_id}")

    def query(self, payment_id: str) -> ProviderState:
        known = self.charges.get(payment_id)
        return known.state() if known is not None else ProviderState("unknown")

    def close(self, payment_id: str) -> ProviderState:
        known = self.charges.get(payment_id)
        if known is None:
            return ProviderState("unknown")
        if known.status == "pending":
            known.status = "closed"
        return known.state()

    def refund(self, request: RefundRequest, payment_id: str) -> RefundState:
        known = self.charges.get(payment_id)
        if known is None or not known.taken_minor:
            raise ProviderRefused("payment_not_succeeded")
        if request.refund_id not in known.given:
            if self.refuses_refunds:
                raise ProviderRefused("merchant_balance_too_small")
            if sum(known.given.values()) + request.amount.amount_minor > known.taken_minor:
                raise ProviderRefused("refund_exceeds_payment")
            known.given[request.refund_id] = request.amount.amount_minor
            self.to_tell.append(msgspec.json.encode({"refund": request.refund_id, "payment": payment_id}))
        assert known.given[request.refund_id] == request.amount.amount_minor, "one key, one effect"
        return RefundState("succeeded", request.amount, f"R{request.refund_id[:8]}")

    def query_refund(self, refund_id: str, payment_id: str) -> RefundState:
        known = self.charges.get(payment_id)
        given = known.given.get(refund_id) if known is not None else None
        if given is None:
            return RefundState("unknown")
        return RefundState("succeeded", Money(given, CURRENCY), f"R{refund_id[:8]}")


class WalletClient:
    """The store's account at a wallet, behind the provider port."""

    channels: tuple[Channel, ...] = ("page", "qr")
    wallet = ""
    merchant_id = "store"

    def __init__(self, books: WalletBooks) -> None:
        self.provider_id = books.name
        self._books = books

    async def create(self, attempt: Attempt) -> Action:
        return await self._books.line.call(lambda: self._books.create(attempt))  # type: ignore[no-any-return]

    async def query(self, charge: Charge) -> ProviderState:
        return await self._books.line.call(lambda: self._books.query(charge.attempt_id))  # type: ignore[no-any-return]

    async def close(self, charge: Charge) -> ProviderState:
        return await self._books.line.call(lambda: self._books.close(charge.attempt_id))  # type: ignore[no-any-return]

    async def refund(self, request: RefundRequest, charge: Charge) -> RefundState:
        return await self._books.line.call(  # type: ignore[no-any-return]
            lambda: self._books.refund(request, charge.attempt_id)
        )

    async def query_refund(self, request: RefundRequest, charge: Charge) -> RefundState:
        return await self._books.line.call(  # type: ignore[no-any-return]
            lambda: self._books.query_refund(request.refund_id, charge.attempt_id)
        )

    async def stop(self) -> None:
        """There is nothing to let go of."""

    def parse_notification(
        self,
        headers: Mapping[str, str],  # noqa: ARG002  # who signs what is proven elsewhere; here every message is genuine
        body: bytes,
    ) -> Notification | RefundNotification:
        told = msgspec.json.decode(body)
        if "refund" in told:
            return RefundNotification(
                refund_id=told["refund"], attempt_id=told["payment"], merchant_id=self.merchant_id
            )
        charge = self._books.charges.get(told["payment"])
        if charge is None:
            raise NotificationRefused("body_malformed")
        return Notification(
            attempt_id=charge.payment_id,
            merchant_id=self.merchant_id,
            order_id=charge.order_id,
            order_number=charge.number,
            status=told["status"],
            amount=Money(told["amount"] or charge.asked_minor, CURRENCY),
            reference=f"W{charge.payment_id[:8]}",
        )

    def acknowledge(self, ok: bool) -> Acknowledgement:
        return Acknowledgement(200 if ok else 500, b"")


class Kiosk:
    """A kiosk's side of cash: what it holds, and the reports that it still has to get through to the store.

    ``begun`` are cash payments that it knows of (payment id → minor units due), ``done`` those that have ended there.
    """

    def __init__(self, name: str, chance: Random) -> None:
        self.name = name
        self.chance = chance
        self.seq = 0
        self.begun: dict[str, int] = {}
        self.done: set[str] = set()
        self.revisable: dict[str, PaymentFinished] = {}
        self.owed: list[tuple[str, Debt]] = []
        self.claimed: dict[str, int] = {}
        self.paid_out: dict[str, int] = {}
        self.outbox: list[Report] = []

    def report(self, body: Any, at_us: int) -> None:
        self.seq += 1
        self.outbox.append(Report(f"{self.name}:{self.seq}", self.name, self.name, self.seq, at_us, body))

    def fill(self, at_us: int) -> None:
        pieces = [MovedPieces("CNY-100-coin", 50, "staff", "dispenser:hopper-1")]
        self.report(CashMoved(action="fill_float", device="hopper-1", by="An", movements=pieces), at_us)

    def finish(self, payment_id: str, at_us: int) -> None:
        """A cash payment ends: paid to the coin, with change, with change owed, in foreign money; or all goes back."""
        due_minor = self.begun.pop(payment_id)
        self.done.add(payment_id)
        roll = self.chance.random()
        if roll < 0.25:
            self._end(payment_id, due_minor, at_us, outcome="cancelled", note="CNY-10000-note")
        elif roll < 0.35:
            self._end(payment_id, due_minor, at_us, outcome="cancelled")
        elif roll < 0.45:
            self._end(payment_id, due_minor, at_us, foreign=True)
        else:
            self._end(payment_id, due_minor, at_us, note="CNY-10000-note", owes=roll > 0.8)

    def _end(
        self,
        payment_id: str,
        due_minor: int,
        at_us: int,
        *,
        outcome: str = "paid",
        note: str = "",
        foreign: bool = False,
        owes: bool = False,
    ) -> None:
        place = self.chance.choice(["cashbox:notes", "dispenser:recycler"])
        count = due_minor // 7800 + 1
        tendered = [Tendered(note, count, 10_000 * count, place)] if note else []
        if foreign:
            tendered = [Tendered("EUR-1000-note", count, 7800 * count, place)]
        change_minor = (sum(one.credited_minor for one in tendered) - due_minor) if outcome == "paid" else 0
        rounding_minor = change_minor % 10 if outcome == "paid" else 0  # coins of ¥0.10 are the smallest
        change_minor = max(0, change_minor - rounding_minor)
        short = min(change_minor, 300) if owes else 0
        dispensed = {"CNY-10-coin": (change_minor - short) // 10} if change_minor > short else {}
        if outcome == "cancelled" and note:
            dispensed = {note: count}
        debts = [Debt(f"{self.name}-{self.seq + 1}", short, CURRENCY, "hopper_empty", in_doubt=True)] if short else []
        told = PaymentFinished(
            payment_id=payment_id,
            revision=1,
            outcome=outcome,  # type: ignore[arg-type]
            currency=CURRENCY,
            due_minor=due_minor,
            rounding_minor=rounding_minor,
            tendered=tendered,
            dispensed=dispensed,
            debts=debts,
        )
        self.report(told, at_us)
        if debts:
            self.revisable[payment_id] = told

    def revise(self, payment_id: str, at_us: int) -> None:
        """The change that was in doubt did come out; or it did not, and the debt stays."""
        told = self.revisable.pop(payment_id)
        (debt,) = told.debts
        if self.chance.random() < 0.5:
            coins = {**told.dispensed, "CNY-10-coin": told.dispensed.get("CNY-10-coin", 0) + debt.amount_minor // 10}
            self.report(msgspec.structs.replace(told, revision=2, dispensed=coins, debts=[]), at_us)
        else:
            sure = msgspec.structs.replace(debt, in_doubt=False)
            self.report(msgspec.structs.replace(told, revision=2, debts=[sure]), at_us)
            self.owed.append((payment_id, sure))

    def settle_debt(self, at_us: int) -> None:
        payment_id, debt = self.owed.pop()
        settled = DebtSettled(
            payment_id=payment_id,
            number=debt.number,
            amount_minor=debt.amount_minor,
            currency=debt.currency,
            settled="paid",
            by="An",
        )
        self.report(settled, at_us)

    def pay_out(self, refund_id: str, at_us: int) -> None:
        """A refund that the store let this kiosk give back comes out, once."""
        amount_minor = self.claimed.pop(refund_id)
        assert refund_id not in self.paid_out, "paid out twice"
        self.paid_out[refund_id] = amount_minor
        coins, rounding_minor = divmod(amount_minor, 10)
        told = PayoutFinished(
            refund_id=refund_id,
            revision=1,
            currency=CURRENCY,
            amount_minor=amount_minor,
            rounding_minor=rounding_minor,
            dispensed={"CNY-10-coin": coins} if coins else {},
            debts=[],
        )
        self.report(told, at_us)
