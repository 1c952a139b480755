"""How a pretended gateway is run."""

from pathlib import Path

import msgspec

from unqueue.providers.sandbox_kit import pages


class Merchant(pages.Merchant, frozen=True, kw_only=True):
    """A store with an account. Its certificate (``.cer``, PEM or DER) proves that a request is its own."""

    certificate_file: Path


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """``data_dir`` holds the gateway's books and certificates. Port 0 takes a free one.

    ``public_url`` is where shoppers' browsers reach the gateway, with the front door's prefix and without a slash at
    its end; empty: the address it listens on. In seconds: ``late_s``, how late a late notification comes; ``refund_s``,
    how long a refund takes; ``lag_s``, how long questions are answered with "accepted" after the shopper has paid;
    ``retry_first_s``, the first pause before a notification is sent again.
    """

    data_dir: Path
    merchants: tuple[Merchant, ...]
    host: str = "127.0.0.1"
    port: int = 0
    public_url: str = ""
    late_s: float = 30.0
    refund_s: float = 0.0
    lag_s: float = 0.0
    retry_first_s: float = 1.0
