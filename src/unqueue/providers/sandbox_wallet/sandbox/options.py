"""How a sandbox wallet is run."""

from pathlib import Path

from unqueue.providers.sandbox_kit import pages
from unqueue.providers.sandbox_kit.options import SandboxOptions


class Merchant(pages.Merchant, frozen=True, kw_only=True):
    """A store with an account. Its public key proves that a request is its own."""

    public_key_file: Path


class Options(SandboxOptions, frozen=True, kw_only=True):
    """The data directory holds the wallet's database and keys (``wallet.key``, ``wallet.pub``)."""

    merchants: tuple[Merchant, ...]
