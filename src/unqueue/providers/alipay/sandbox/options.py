"""How Alipay's sandbox is run."""

from pathlib import Path

from unqueue.providers.sandbox_kit import pages
from unqueue.providers.sandbox_kit.options import SandboxOptions


class Merchant(pages.Merchant, frozen=True, kw_only=True):
    """A seller with an application. The application's public key proves that a request is its own."""

    app_id: str
    public_key_file: Path


class Options(SandboxOptions, frozen=True, kw_only=True):
    """The data directory holds the database and Alipay's keys (``alipay.key``, ``alipay.pub``)."""

    merchants: tuple[Merchant, ...]
