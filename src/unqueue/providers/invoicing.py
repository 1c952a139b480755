"""The merchant's page where a shopper asks for an invoice (电子发票), as a link that the page can trust.

Invoices are made by the tax office's platform or its service providers, each with a page of its own. What they have in
common is a link on the receipt. Ours says the receipt's number and its amount, and signs both, so that nobody can have
an invoice for more than was paid.
"""

import hashlib
import hmac
from collections.abc import Iterator
from string import Formatter
from typing import Protocol
from urllib.parse import quote

from unqueue.kernel.money import Money, currency_exponent
from unqueue.kernel.settings import Objection, Settings
from unqueue.kernel.settings import Receipts as ReceiptSettings

FIELDS = frozenset({"number", "amount", "amount_minor", "currency", "issued_at", "signature"})
_MUST = frozenset({"number", "signature"})


class InvoicePage(Protocol):
    """Where invoices are asked for."""

    def url(self, number: str, amount: Money, issued_at: str) -> str:
        """The page for one receipt; ``issued_at`` in ISO 8601. The same receipt always has the same."""
        ...


class SignedInvoicePage:
    """A page behind a template such as ``https://invoice.example/?n={number}&a={amount}&s={signature}``.

    The signature is HMAC-SHA256, in lowercase hexadecimal, over the number, the amount in minor units, the currency and
    the time of issue, with a line feed between them.

    >>> page = SignedInvoicePage("https://i.example/?n={number}&a={amount}&s={signature}", b"key")
    >>> page.url("R-1", Money(1290, "CNY"), "2026-01-02T03:04:05+00:00")[:40]
    'https://i.example/?n=R-1&a=12.90&s=6c383'
    """

    def __init__(self, template: str, key: bytes) -> None:
        self._template = template
        self._key = key

    def url(self, number: str, amount: Money, issued_at: str) -> str:
        text = "\n".join([number, str(amount.amount_minor), amount.currency, issued_at])
        values = {
            "number": number,
            "amount": _decimal(amount),
            "amount_minor": str(amount.amount_minor),
            "currency": amount.currency,
            "issued_at": issued_at,
            "signature": hmac.new(self._key, text.encode(), hashlib.sha256).hexdigest(),
        }
        return self._template.format_map({name: quote(value, safe="") for name, value in values.items()})


def open_invoice_page(settings: ReceiptSettings) -> InvoicePage | None:
    """The page of the settings; None where there is none."""
    if not settings.invoice_url or settings.invoice_key_file is None:
        return None
    return SignedInvoicePage(settings.invoice_url, settings.invoice_key_file.read_bytes().strip())


def check_settings(settings: Settings) -> Iterator[Objection]:
    """What is wrong with ``[receipts]``: a rule for ``load_settings``."""
    receipts = settings.receipts
    mend = "docs/guides/receipts.md shows an address with all that may stand in it."
    if receipts.invoice_url:
        try:
            named = {name for _, name, _, _ in Formatter().parse(receipts.invoice_url) if name is not None}
        except ValueError:
            named = {"{"}
        if named - FIELDS or not named >= _MUST or not named & {"amount", "amount_minor"}:
            told = "needs {number}, {amount} and {signature}, and knows besides {amount_minor}, {currency}, {issued_at}"
            yield ("receipts", "invoice_url"), told, mend
        if receipts.invoice_key_file is None:
            yield ("receipts", "invoice_url"), "stands without invoice_key_file", mend
    if receipts.invoice_key_file is not None:
        try:
            is_empty = not receipts.invoice_key_file.read_bytes().strip()
        except OSError:
            is_empty = True
        if is_empty:
            yield ("receipts", "invoice_key_file"), "can't be read, or is empty", mend


def _decimal(amount: Money) -> str:
    exponent = currency_exponent(amount.currency)
    whole, fraction = divmod(amount.amount_minor, 10**exponent)
    return f"{whole}.{fraction:0{exponent}d}" if exponent else str(whole)
