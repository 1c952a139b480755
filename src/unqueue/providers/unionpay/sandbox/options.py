"""How a pretended gateway is run."""

from pathlib import Path

from unqueue.providers.sandbox_kit import pages
from unqueue.providers.sandbox_kit.options import SandboxOptions


class Merchant(pages.Merchant, frozen=True, kw_only=True):
    """A store with an account. Its certificate (``.cer``, PEM or DER) proves that a request is its own."""

    certificate_file: Path


class Options(SandboxOptions, frozen=True, kw_only=True):
    """In seconds: ``refund_s``, how long a refund takes; ``lag_s``, how long questions are answered with "accepted"
    after the shopper has paid. The data directory holds the gateway's certificates, too.
    """

    merchants: tuple[Merchant, ...]
    refund_s: float = 0.0
    lag_s: float = 0.0
