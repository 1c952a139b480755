"""What the store asks of a payment provider: create, query, notify, close, refund. Every wallet, bank and card
acquirer stands behind this port, so the store's rules about money are written once.

An *attempt* is one try to pay one order. The store makes its id, so that every call can be sent again: the same id
never creates, closes or refunds twice. What a provider says counts only when it is authentic; a notification is a hint
to ask, never a proof.
"""

from collections.abc import Mapping
from typing import ClassVar, Literal, Protocol, runtime_checkable

import msgspec

from unqueue.kernel.money import Money

FRESH_S_MAX = 300
"""A notification that is older or from further in the future than this many seconds is refused (WeChat Pay's rule)."""


Channel = Literal["page", "qr", "in_wallet"]
"""Where the shopper is when paying: in a browser that can leave for the provider's page (``page``); at another screen,
which shows a code for the phone's wallet (``qr``); or in the wallet's own browser, which opens the wallet by itself
(``in_wallet``).
"""


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One try to pay one order.

    ``return_url`` is where the shopper's browser goes afterwards; ``notify_url`` is where the provider tells the store;
    ``created_us`` and ``expires_us`` (microseconds since 1970 UTC) are when it was begun and when the provider stops
    taking money for it. ``payer`` is who pays, as the provider knows them (:class:`IdentifiesPayer`); ``client_ip`` is
    the address of the shopper's browser, for providers that want to know it. ``instrument`` names the card or the like
    that is paid with, for tenders that have one.
    """

    attempt_id: str
    order_id: str
    order_number: str
    amount: Money
    subject_zh: str
    subject_en: str
    return_url: str
    notify_url: str
    created_us: int
    expires_us: int
    channel: Channel = "page"
    payer: str = ""
    client_ip: str = ""
    instrument: str = ""


ActionKind = Literal["redirect", "form", "bridge", "qr", "none"]


class Action(msgspec.Struct, frozen=True):
    """What the shopper does next: open a page (``redirect``); send ``fields`` to it (``form``: an HTML form in UTF-8,
    POST); hand ``fields`` to the wallet around the browser (``bridge``); show a code (``qr``: ``url`` is its content);
    or wait (``none``).
    """

    kind: ActionKind
    url: str = ""
    fields: dict[str, str] = {}


class Charge(msgspec.Struct, frozen=True, kw_only=True):
    """An attempt as the store names it to its provider later: some want more than its id.

    ``amount`` and ``created_us`` are the attempt's; ``reference`` is the provider's own number, once it is known.
    """

    attempt_id: str
    amount: Money
    created_us: int
    reference: str = ""


class RefundRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A part or all of what a charge took, to be given back; ``created_us`` is when the store decided so.

    ``notify_url`` is where the provider tells the store what becomes of it; without one, the store asks.
    """

    refund_id: str
    amount: Money
    created_us: int
    notify_url: str = ""


AttemptStatus = Literal["unknown", "pending", "succeeded", "failed", "closed"]


class ProviderState(msgspec.Struct, frozen=True):
    """What the provider says of an attempt.

    ``unknown``: it never heard of it. ``succeeded``: it took ``amount`` from the shopper, whatever was asked for.
    ``reference`` is the provider's own number for it. ``slip`` is what a card terminal wants printed on the shopper's
    receipt, a line each.
    """

    status: AttemptStatus
    amount: Money | None = None
    order_id: str = ""
    reference: str = ""
    slip: tuple[str, ...] = ()


class Notification(msgspec.Struct, frozen=True, kw_only=True):
    """An authentic, fresh message of the provider about an attempt. The store checks whether it fits the order."""

    attempt_id: str
    merchant_id: str
    order_id: str
    order_number: str
    status: AttemptStatus
    amount: Money
    reference: str


class RefundNotification(msgspec.Struct, frozen=True, kw_only=True):
    """An authentic, fresh message of the provider: something became of a refund. The store asks what."""

    refund_id: str
    attempt_id: str
    merchant_id: str


class Acknowledgement(msgspec.Struct, frozen=True):
    """What the provider wants to hear back: HTTP status and body."""

    status: int
    body: bytes
    media_type: str = "application/json"


class RefundState(msgspec.Struct, frozen=True):
    """What the provider says of a refund; ``unknown``: it never heard of it."""

    status: Literal["unknown", "pending", "succeeded", "failed"]
    amount: Money | None = None
    reference: str = ""


class ProviderError(Exception):
    """The provider did not do what it was asked. ``permanent``: asking again won't help."""

    permanent: ClassVar[bool]

    def __init__(self, code: str, detail: str = "") -> None:
        self.code = code
        self.detail = detail
        super().__init__(f"{code}: {detail}" if detail else code)


class ProviderUnavailable(ProviderError):
    """No authentic answer came. It may or may not have been done: ask again, with the same id."""

    permanent = False


class ProviderRefused(ProviderError):
    """The provider answered that it won't."""

    permanent = True


NotificationProblem = Literal["header_missing", "key_unknown", "signature_invalid", "timestamp_stale", "body_malformed"]


class NotificationRefused(Exception):
    """A message that claims to be the provider's and can't be believed. ``reason`` holds no secret."""

    def __init__(self, reason: NotificationProblem) -> None:
        self.reason: NotificationProblem = reason
        super().__init__(reason)


class Provider(Protocol):
    """An account at a provider. Every call may raise ProviderUnavailable (try again) or ProviderRefused (don't).

    ``channels`` are those it can serve, the natural one first. ``wallet`` is the wallet whose own browser it serves
    (``wechat``, ``alipay``, ``unionpay``), else empty.
    """

    provider_id: str
    merchant_id: str
    channels: tuple[Channel, ...]
    wallet: str

    async def create(self, attempt: Attempt) -> Action:
        """Make the attempt known; again with the same id gives the same action."""
        ...

    async def query(self, charge: Charge) -> ProviderState:
        """What became of an attempt."""
        ...

    async def close(self, charge: Charge) -> ProviderState:
        """Have the provider take no money for the attempt any more. ``succeeded`` says that it came too late."""
        ...

    async def refund(self, request: RefundRequest, charge: Charge) -> RefundState:
        """Give back a part or all of what an attempt took; again with the same ``refund_id`` is the same refund."""
        ...

    async def query_refund(self, request: RefundRequest, charge: Charge) -> RefundState:
        """What became of a refund."""
        ...

    async def stop(self) -> None:
        """Let go of connections."""
        ...


@runtime_checkable
class Notifies(Protocol):
    """A provider that also tells without being asked."""

    def parse_notification(self, headers: Mapping[str, str], body: bytes) -> Notification | RefundNotification:
        """The message, once its signature and its age (at most ``FRESH_S_MAX``) are checked; NotificationRefused else.

        ``headers`` is looked up with names in lower case.
        """
        ...

    def acknowledge(self, ok: bool) -> Acknowledgement:
        """The answer to a notification. What is not acknowledged comes again."""
        ...


@runtime_checkable
class IdentifiesPayer(Protocol):
    """A provider that must know who pays before it can serve its wallet's own browser (``in_wallet``)."""

    def identity_url(self, return_url: str, state: str) -> str:
        """Where the browser goes to be identified; it comes back to ``return_url`` with ``code`` and ``state``."""
        ...

    async def identify(self, code: str) -> str:
        """The payer whose browser came back with ``code``. A code serves once."""
        ...


@runtime_checkable
class Decides(Protocol):
    """A provider that can't always find out by itself what became of an attempt: a person looks, and says."""

    def decide(self, subject_id: str, status: Literal["succeeded", "failed"], reference: str = "") -> None:
        """Take a person's word for an attempt or refund whose outcome is unclear. ProviderRefused for any other."""
        ...
