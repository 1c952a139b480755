"""A signature that the law of some countries wants on every receipt, made by a device or a service of its own.

Germany's technische Sicherheitseinrichtung (KassenSichV section 6), Austria's RKSV, Italy's and others' registers: they
take a receipt before it is issued, one after the other, and give back what must stand on it. China and most others
want none of this, and have :class:`NoFiscalSigner`.

Where it is called: ``server/receipts/service.py`` writes a receipt down as a draft, with its number, in the unit of
work that hears of the payment (durable, so that no receipt is forgotten). Then it asks the signer for each draft, in
the order of their numbers and one at a time. Only then is the receipt issued, with the signature, and never changed
again. A signer that is away keeps receipts waiting, not payments and not the way out.
"""

from typing import Protocol

import msgspec


class FiscalField(msgspec.Struct, frozen=True):
    """A line that the law wants on the receipt: its name in Chinese and English, and what the signer gave for it."""

    zh: str
    en: str
    value: str


class FiscalSignature(msgspec.Struct, frozen=True):
    """What the signer gave: lines, and what the law's own QR code holds (empty: it wants none)."""

    fields: tuple[FiscalField, ...] = ()
    qr: str = ""


class FiscalSigner(Protocol):
    """Signs receipts. ``signs`` is False for one that never has anything to add: it is not asked at all."""

    signs: bool

    async def sign(self, number: str, document: bytes) -> FiscalSignature:
        """The signature of a receipt: its number, and its JSON as it will be issued.

        Again with the same number gives the same signature: the answer may have been lost. ProviderUnavailable (it is
        asked again) while the device is away.
        """
        ...


class NoFiscalSigner:
    """For countries whose receipts need no signature: adds nothing, and does nothing."""

    signs = False

    async def sign(self, number: str, document: bytes) -> FiscalSignature:  # noqa: ARG002  # there is nothing to sign
        return FiscalSignature()
