"""Secrets that the store makes for itself at its first start: files under ``data_dir/keys`` that only it can read."""

import contextlib
import os
import secrets
from collections.abc import Callable
from pathlib import Path


def secret_file(path: Path, length: int = 32) -> bytes:
    """The secret in a file; a new random one, written with mode 0600, where there is none yet."""
    return keep_file(path, lambda: secrets.token_bytes(length))


def keep_file(path: Path, make: Callable[[], bytes]) -> bytes:
    """The content of a private file, made once. Two processes that start together agree on one content."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not path.exists():
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(make())
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)  # unlike a rename this never replaces what another process put there first
        draft.unlink()
    return path.read_bytes()
