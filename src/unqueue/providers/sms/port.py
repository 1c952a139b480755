"""What the store asks of an SMS provider: send one text to one number, and say what became of it.

The store makes a message's id and gives it along where the provider has a field for it. No provider of ours promises
that the same id is sent once only, so who calls never sends again what may have been taken: after a lost answer it asks
(:meth:`SmsSender.query`).
"""

from typing import Literal, Protocol

import msgspec

from unqueue.providers.port import ProviderUnavailable

Language = Literal["zh", "en"]
FIELDS = ("store", "total", "receipt", "code")
"""What a receipt's text says, in the order in which templates without names count: the store's name, the amount, the
receipt's number, and the last part of the receipt's address (templates may hold no whole address as a variable).
"""


class SmsMessage(msgspec.Struct, frozen=True, kw_only=True):
    """One text to one number.

    ``message_id`` is 32 characters, ``number`` in E.164 form with its plus, ``fields`` has a value for each of
    ``FIELDS``. ``text`` is the whole text, for providers that know no templates. ``created_us`` is when the store first
    tried (microseconds since 1970 UTC): nothing is to be found at the provider before it.
    """

    message_id: str
    number: str
    language: Language
    fields: dict[str, str]
    text: str
    created_us: int

    def __repr__(self) -> str:
        return f"SmsMessage(message_id={self.message_id!r})"  # the number stays out of logs


SmsStatus = Literal["unknown", "sent", "delivered", "failed"]


class SmsState(msgspec.Struct, frozen=True):
    """What a provider says of a message. ``unknown``: nothing. ``sent``: it took it, and the phone has not answered.

    ``reference`` is the provider's own number for it, ``problem`` its word for why it ``failed``.
    """

    status: SmsStatus
    reference: str = ""
    problem: str = ""


class SmsNotTaken(ProviderUnavailable):
    """Not now, and certainly not done: a limit, or nobody was reached. Send again later."""


class SmsSender(Protocol):
    """An account at an SMS provider.

    Calls raise SmsNotTaken (send again later), ProviderUnavailable (it may have been taken: ask first), or
    ProviderRefused (never: an invalid number, one that unsubscribed, an account that is not in order).
    """

    sender_id: str
    query_is_complete: bool
    """Whether :meth:`query` knows a message from when it was taken, so that one it does not know was not taken."""

    async def send(self, message: SmsMessage) -> SmsState:
        """Have the provider send a message."""
        ...

    async def query(self, message: SmsMessage, reference: str = "") -> SmsState:
        """What became of a message; ``reference`` is the provider's number for it, where it is known."""
        ...

    async def stop(self) -> None:
        """Let go of connections."""
        ...
