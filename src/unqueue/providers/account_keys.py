"""Reading what only one kind of provider knows from an account's ``options`` and ``files``."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from unqueue.kernel.settings import Provider as Account


def options_of(account: Account, known: Mapping[str, str | None], files: Iterable[str] = ()) -> dict[str, str]:
    """The account's options with defaults filled in; a default of None means that the option must be given.

    ValueError names what is missing, and what nobody knows, among options and files.
    """
    missing = [key for key, default in known.items() if default is None and not account.options.get(key)]
    if missing:
        raise ValueError(f"a {account.kind} needs options: {', '.join(missing)}")
    strange = sorted((set(account.options) - set(known)) | (set(account.files) - set(files)))
    if strange:
        raise ValueError(f"a {account.kind} knows no {', '.join(strange)}")
    return {key: account.options.get(key, default or "") for key, default in known.items()}


def file_of(account: Account, name: str) -> Path:
    """A file of the account. ValueError when it is not named."""
    if name not in account.files:
        raise ValueError(f"a {account.kind} needs files: {name}")
    return account.files[name]
