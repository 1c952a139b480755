"""Refunds that a kiosk took upon itself. Each is in its journal before the server hears of it, and its session before a
device is told: so after a restart it is known whether any of its money can have gone out.

    (nothing) ──(about to claim it)──▶ claimed ──(the till begins)──▶ its session, which ends by itself
                                          └──(can't, or nobody is there)──▶ handed_back: the desk gives it
    (nothing) ──(the server says that we claimed it)──▶ unsure ──(staff looked)──▶ handed_back, or given

What was handed back is never given here, whatever the server says later: a word of ours to it may have been late.
"""

import msgspec

from unqueue.kernel.clock import Clock, micros
from unqueue.kernel.money import Money
from unqueue.kiosk.cash.refusals import UnknownRefund
from unqueue.kiosk.cash.reports import Attention, PayoutFinished
from unqueue.kiosk.cash.store import CashJournal, Claim, ClaimState

UNSURE = "payout_unsure"


class Claims:
    """The claims in a kiosk's journal."""

    def __init__(self, journal: CashJournal, clock: Clock) -> None:
        self._journal = journal
        self._clock = clock

    def of(self, refund_id: str) -> Claim | None:
        return self._journal.claim(refund_id)

    def age_s(self, claim: Claim) -> float:
        """How long ago it was claimed: whether anybody still waits for the money."""
        return (micros(self._clock.now()) - claim.at_us) / 1_000_000

    def unsure(self) -> list[Claim]:
        """Those that staff must look at."""
        return self._journal.claims("unsure")

    def begin(self, refund_id: str, order_id: str, amount: Money) -> Claim:
        """The claim, durable: made now, or earlier."""
        return self._journal.claim(refund_id) or self._put(refund_id, order_id, amount, "claimed")

    def hand_back(self, refund_id: str) -> None:
        """None of it was given, and none will be: from now on it is the desk's."""
        claim = self._known(refund_id)
        assert self._journal.session(refund_id) is None, "its money may be on its way"
        if claim.state != "handed_back":
            self._change(claim, "handed_back")

    def doubt(self, refund_id: str, order_id: str, amount: Money) -> None:
        """The server says that it was claimed here, and this journal, a new one perhaps, knows nothing: staff look."""
        self._put(refund_id, order_id, amount, "unsure")

    def settle(self, refund_id: str, by: str, *, was_given: bool) -> None:
        """Staff looked at a claim in doubt: the count shows that it was given, or the desk gives it. UnknownRefund."""
        claim = self._known(refund_id)
        if claim.state != "unsure":
            raise UnknownRefund(refund=refund_id)
        if not was_given:
            self._change(claim, "handed_back", by=by)
            return
        body = PayoutFinished(
            refund_id=refund_id, revision=0, currency=claim.currency, amount_minor=claim.amount_minor,
            rounding_minor=0, dispensed={}, debts=[],
        )  # fmt: skip
        with self._journal.transaction(micros(self._clock.now())) as transaction:
            transaction.put_claim(msgspec.structs.replace(claim, state="given"))
            transaction.entry("claim_given", payment_id=refund_id, by=by)
            transaction.entry("refunded", payment_id=refund_id, data=msgspec.to_builtins(body))
            transaction.report([body])

    def _known(self, refund_id: str) -> Claim:
        claim = self._journal.claim(refund_id)
        if claim is None:
            raise UnknownRefund(refund=refund_id)
        return claim

    def _put(self, refund_id: str, order_id: str, amount: Money, state: ClaimState) -> Claim:
        now_us = micros(self._clock.now())
        claim = Claim(refund_id, order_id, amount.amount_minor, amount.currency, now_us, state)
        with self._journal.transaction(now_us) as transaction:
            transaction.put_claim(claim)
            transaction.entry(f"claim_{state}", payment_id=refund_id, data={"amount_minor": amount.amount_minor})
            if state == "unsure":
                detail = f"refund {refund_id} of order {order_id}"
                transaction.report([Attention(device="cash", trouble=UNSURE, detail=detail, locked=False)])
        return claim

    def _change(self, claim: Claim, state: ClaimState, *, by: str | None = None) -> None:
        with self._journal.transaction(micros(self._clock.now())) as transaction:
            transaction.put_claim(msgspec.structs.replace(claim, state=state))
            transaction.entry(f"claim_{state}", payment_id=claim.refund_id, by=by)
