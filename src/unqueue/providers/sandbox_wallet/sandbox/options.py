"""How a sandbox wallet is run."""

from pathlib import Path

import msgspec

from unqueue.providers.sandbox_kit import pages


class Merchant(pages.Merchant, frozen=True, kw_only=True):
    """A store with an account. Its public key proves that a request is its own."""

    public_key_file: Path


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """``data_dir`` holds the wallet's database and keys (``wallet.key``, ``wallet.pub``). Port 0 takes a free one.

    ``public_url`` is where shoppers' browsers reach the wallet, with the front door's prefix and without a slash at
    its end; empty: the address it listens on. ``late_s`` is how late a late notification comes; ``retry_first_s`` the
    first pause before an unacknowledged one is sent again.
    """

    data_dir: Path
    merchants: tuple[Merchant, ...]
    host: str = "127.0.0.1"
    port: int = 0
    public_url: str = ""
    late_s: float = 30.0
    retry_first_s: float = 1.0
