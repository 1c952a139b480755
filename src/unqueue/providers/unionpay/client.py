"""The store's side of UnionPay's gateway: online banking and cards, on the gateway's own page."""

from collections.abc import Mapping
from http import HTTPStatus

import httpx

from unqueue.kernel.clock import Clock, micros
from unqueue.kernel.money import Money
from unqueue.providers.address import is_local
from unqueue.providers.port import (
    FRESH_S_MAX,
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
from unqueue.providers.unionpay import messages, signing
from unqueue.providers.unionpay.certificates import Chain
from unqueue.providers.unionpay.messages import Malformed, Verdict, verdict
from unqueue.providers.unionpay.requests import ChannelType, Merchant, Step, steps
from unqueue.providers.unionpay.signing import Signer, Unverified

AGE_S_MAX = 86_400
"""How long ago the purchase that a notification tells of may have been begun."""
PAY_TIMEOUT_GRACE_S = 60.0
"""How long after ``payTimeout`` the gateway's clock, and its answer, are waited for."""
LIFETIME_US_MAX = 3_600_000_000
"""When an attempt is over whose ``payTimeout`` the gateway does not say back: no attempt of the store lives as long."""

_TIMEOUT = httpx.Timeout(10.0, connect=3.0)
_BODY_BYTES_MAX = 100_000
# A back transaction that was answered with one of these may have been done: the gateway wants to be asked.
_UNDECIDED = frozenset({"01", "03", "04", "05", "12", "34", "60"})


class UnionPay:
    """A merchant's account at UnionPay's gateway.

    ``url`` is the gateway's address without a slash at its end; ``front_url`` is where shoppers' browsers reach it, if
    they can't there. Answers that no certificate of ``chain`` vouches for are no answers: they raise
    ProviderUnavailable, for what was asked may have been done.
    """

    channels: tuple[Channel, ...] = ("page",)
    wallet = "unionpay"

    def __init__(
        self,
        *,
        provider_id: str,
        merchant_id: str,
        url: str,
        signer: Signer,
        chain: Chain,
        clock: Clock,
        channel_type: ChannelType = "08",
        refund_notify_url: str = "",
        front_url: str = "",
        pay_timeout_grace_s: float = PAY_TIMEOUT_GRACE_S,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.provider_id = provider_id
        self.merchant_id = merchant_id
        self._url = url
        self._front_url = front_url or url
        self._signer = signer
        self._chain = chain
        self._clock = clock
        self._grace_us = int(pay_timeout_grace_s * 1_000_000)
        self._merchant = Merchant(
            merchant_id=merchant_id,
            cert_id=signer.cert_id,
            channel_type=channel_type,
            refund_notify_url=refund_notify_url,
        )
        # A proxy of the environment is for the world outside; a gateway on this machine is reached directly.
        self._http = httpx.AsyncClient(timeout=_TIMEOUT, transport=transport, trust_env=not is_local(url))

    async def create(self, attempt: Attempt) -> Action:
        """A signed form. The gateway hears of the attempt when the shopper's browser sends it there, and not before:
        ``query`` says ``unknown`` until then.
        """
        if attempt.channel not in self.channels:
            raise ProviderRefused("channel_unknown", attempt.channel)
        _check_amount(attempt.amount)
        return Action("form", self._front_url + messages.FRONT, self._signed(self._merchant.consume(attempt)))

    async def query(self, charge: Charge) -> ProviderState:
        """What became of an attempt. An answer may lag behind; after ``payTimeout`` what is not paid is ``closed``."""
        answer, said = await self._look(charge.attempt_id, charge.created_us)
        if said == "unknown":
            return ProviderState("unknown")
        reserved = messages.reserved_of(answer)
        order_id = reserved.order_id if reserved is not None else ""
        reference = answer.get("queryId", "")
        if said == "succeeded":
            return ProviderState("succeeded", _taken(answer), order_id, reference)
        if said == "pending":
            over = self._is_over(charge, reserved)
            return ProviderState("closed" if over else "pending", None, order_id, reference)
        return ProviderState("failed", None, order_id, reference)

    async def close(self, charge: Charge) -> ProviderState:
        """The gateway knows no closing. What it has heard of stays ``pending`` until its ``payTimeout`` has passed:
        until then it may take money. What it has not heard of is ``unknown``.
        """
        return await self.query(charge)

    async def refund(self, request: RefundRequest, charge: Charge) -> RefundState:
        _check_amount(request.amount)
        charge = await self._paid(charge)
        ways = steps(request, charge)
        known = [await self._became(step, request) for step in ways]
        for state in known:
            if state.status in {"pending", "succeeded"}:
                return state
        problem = ProviderRefused("refund_failed")
        for step, state in zip(ways, known, strict=True):
            if state.status == "failed":  # its id is used up
                continue
            try:
                became = await self._give_back(step, request, charge)
            except ProviderRefused as error:
                problem = error
                continue
            if became.status != "failed":
                return became
        raise problem

    async def query_refund(self, request: RefundRequest, charge: Charge) -> RefundState:
        """What became of a refund. ``failed`` only where every way to give the money back has failed."""
        known = [await self._became(step, request) for step in steps(request, charge)]
        for state in known:
            if state.status in {"pending", "succeeded"}:
                return state
        failed = all(state.status == "failed" for state in known)
        return known[-1] if failed else RefundState("unknown")

    def parse_notification(self, headers: Mapping[str, str], body: bytes) -> Notification | RefundNotification:
        """``headers`` hold nothing that counts: signature and certificate are fields of the form."""
        del headers
        if len(body) > _BODY_BYTES_MAX:
            raise NotificationRefused("body_malformed")
        try:
            fields = messages.parse_form(body)
            signing.verify_gateway(fields, self._chain, self._clock.now())
            age_s = (self._now_us() - messages.transaction_time_us(fields.get("txnTime", ""))) / 1_000_000
            if not -FRESH_S_MAX <= age_s <= AGE_S_MAX:
                raise NotificationRefused("timestamp_stale")
            return _read_notification(fields)
        except Unverified as error:
            raise NotificationRefused(error.problem) from None
        except (Malformed, KeyError):
            raise NotificationRefused("body_malformed") from None

    def acknowledge(self, ok: bool) -> Acknowledgement:
        """The gateway looks at the status alone. Anything but 200 within 10 s: it tells again, five times in all."""
        return Acknowledgement(HTTPStatus.OK if ok else HTTPStatus.BAD_REQUEST, b"ok" if ok else b"fail", "text/plain")

    async def stop(self) -> None:
        await self._http.aclose()

    async def _paid(self, charge: Charge) -> Charge:
        """The charge with the gateway's number for it. ProviderRefused unless it was paid."""
        if charge.reference:
            return charge
        state = await self.query(charge)
        if state.status == "pending":
            raise ProviderUnavailable("charge_pending", "it is not known yet whether there is anything to give back")
        if state.status != "succeeded":
            raise ProviderRefused("charge_not_paid", state.status)
        return Charge(
            attempt_id=charge.attempt_id,
            amount=charge.amount,
            created_us=charge.created_us,
            reference=state.reference,
        )

    async def _give_back(self, step: Step, request: RefundRequest, charge: Charge) -> RefundState:
        """Go one way. ProviderRefused when the gateway says no to it."""
        answer = await self._ask(messages.BACK, self._merchant.give_back(step, request, charge))
        code = answer.get("respCode", "")
        if code not in _UNDECIDED and verdict(code) == "refused":
            raise ProviderRefused(f"unionpay_{code}", step.transaction_type)
        became = await self._became(step, request)
        return RefundState("pending") if became.status == "unknown" else became

    async def _became(self, step: Step, request: RefundRequest) -> RefundState:
        """What became of one way to give money back. ProviderRefused where the id stands for another refund."""
        answer, said = await self._look(step.order_id, request.created_us)
        if said == "unknown":
            return RefundState("unknown")
        if answer.get("txnType") != step.transaction_type or _taken(answer) != request.amount:
            raise ProviderRefused("refund_conflict", "this id belongs to another refund")
        reference = answer.get("queryId", "")
        if said == "pending":
            return RefundState("pending", None, reference)
        if said == "succeeded":
            return RefundState("succeeded", request.amount, reference)
        return RefundState("failed", None, reference)

    async def _look(self, order_id: str, created_us: int) -> tuple[dict[str, str], Verdict]:
        """The gateway's answer about a transaction, and what it means; never ``later``."""
        answer = await self._ask(messages.QUERY, self._merchant.question(order_id, created_us))
        code = answer.get("respCode", "")
        said = verdict(code)
        if said == "unknown":
            return answer, said
        if said in {"later", "pending"}:
            raise ProviderUnavailable(f"unionpay_{code}", "the question was not answered")
        if said == "refused":
            raise ProviderRefused(f"unionpay_{code}", "the question was refused")
        if "origRespCode" not in answer:
            raise ProviderUnavailable("answer_malformed", "it says nothing of the transaction")
        said = verdict(answer["origRespCode"])
        return answer, "pending" if said == "later" else said

    async def _ask(self, path: str, fields: dict[str, str]) -> dict[str, str]:
        """The answer to a request, once it is believed: by the gateway, and about what was asked."""
        try:
            response = await self._http.post(self._url + path, data=self._signed(fields))
        except httpx.HTTPError as error:
            raise ProviderUnavailable("no_answer", type(error).__name__) from error
        if response.status_code != HTTPStatus.OK or len(response.content) > _BODY_BYTES_MAX:
            raise ProviderUnavailable("answer_failed", f"status {response.status_code}")
        try:
            answer = messages.parse_answer(response.content)
            signing.verify_gateway(answer, self._chain, self._clock.now())
        except Malformed as error:
            raise ProviderUnavailable("answer_malformed", str(error)) from None
        except Unverified as error:
            raise ProviderUnavailable("answer_unverified", error.problem) from None
        if any(answer.get(name) != fields[name] for name in ("merId", "orderId", "txnTime")):
            raise ProviderUnavailable("answer_mismatch", "the answer is about something else")
        return answer

    def _signed(self, fields: dict[str, str]) -> dict[str, str]:
        return fields | {"signature": self._signer.sign(fields)}

    def _is_over(self, charge: Charge, reserved: messages.Reserved | None) -> bool:
        over_us = charge.created_us + LIFETIME_US_MAX
        if reserved is not None:
            try:
                over_us = messages.transaction_time_us(reserved.pay_timeout)
            except Malformed as error:
                raise ProviderUnavailable("answer_malformed", str(error)) from None
        return self._now_us() >= over_us + self._grace_us

    def _now_us(self) -> int:
        return micros(self._clock.now())


def _check_amount(amount: Money) -> None:
    if amount.currency not in messages.CURRENCY_CODES:
        raise ProviderRefused("currency_unknown", amount.currency)
    if amount.amount_minor <= 0:
        raise ProviderRefused("amount_invalid", str(amount.amount_minor))


def _amount(fields: Mapping[str, str]) -> Money:
    """``txnAmt`` in fen. A refund's answer leaves the currency out: it is the purchase's. Malformed."""
    text, code = fields.get("txnAmt", ""), fields.get("currencyCode", "156")
    if not (text.isascii() and text.isdigit() and len(text) <= 12):
        raise Malformed("its amount is not one")
    return Money(int(text), messages.CURRENCIES.get(code, code))


def _taken(answer: Mapping[str, str]) -> Money:
    try:
        return _amount(answer)
    except Malformed as error:
        raise ProviderUnavailable("answer_malformed", str(error)) from None


def _read_notification(fields: Mapping[str, str]) -> Notification | RefundNotification:
    """What an authentic message tells. KeyError or Malformed for one that can't be ours."""
    if fields["txnType"] in {messages.REFUND, messages.REVERSAL}:
        refund_id, _, attempt_id = fields["reqReserved"].partition("|")
        return RefundNotification(refund_id=refund_id, attempt_id=attempt_id, merchant_id=fields["merId"])
    reserved = messages.reserved_of(fields)
    if fields["txnType"] != messages.CONSUME or reserved is None:
        raise Malformed("not a purchase of ours")
    said = verdict(fields["respCode"])
    return Notification(
        attempt_id=fields["orderId"],
        merchant_id=fields["merId"],
        order_id=reserved.order_id,
        order_number=reserved.order_number,
        status="failed" if said == "refused" else "succeeded" if said == "succeeded" else "pending",
        amount=_amount(fields),
        reference=fields["queryId"],
    )
