"""How any sandbox is run."""

from pathlib import Path

import msgspec


class SandboxOptions(msgspec.Struct, frozen=True, kw_only=True):
    """``data_dir`` holds the sandbox's books and keys. Port 0 takes a free one.

    ``public_url`` is where shoppers' browsers reach it, with the front door's prefix and without a slash at its end;
    empty: the address it listens on. ``late_s`` is how late a late notification comes; ``retry_first_s`` the first
    pause before an unacknowledged one is sent again.
    """

    data_dir: Path
    host: str = "127.0.0.1"
    port: int = 0
    public_url: str = ""
    late_s: float = 30.0
    retry_first_s: float = 1.0
