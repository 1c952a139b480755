"""Card terminals that speak nexo Retailer 3.0 in the Terminal API's JSON, over the store's own network."""

import ssl
from pathlib import Path

from unqueue.kernel.clock import Clock
from unqueue.kernel.settings import Provider as Account
from unqueue.providers.account_keys import file_of, options_of
from unqueue.providers.nexo_terminal import crypto
from unqueue.providers.nexo_terminal.client import NexoTerminal
from unqueue.providers.nexo_terminal.link import Link

_OPTIONS = {"poi_id": None, "sale_id": None, "key_identifier": None, "key_version": "1", "tls_name": "", "currency": ""}
_FILES = ("passphrase", "root")


def open_account(account: Account, clock: Clock) -> NexoTerminal:
    """The terminal of the settings. ValueError when a setting is missing or a file can't be used."""
    options, key, root = _read(account)
    link = Link(
        url=account.url,
        root_file=root,
        tls_name=options["tls_name"],
        sale_id=options["sale_id"],
        poi_id=options["poi_id"],
        key=key,
    )
    return NexoTerminal(
        provider_id=account.id,
        merchant_id=account.merchant_id,
        link=link,
        clock=clock,
        currency=options["currency"],
    )


def check_account(account: Account) -> None:
    """ValueError when the account of the settings could not be opened, without opening it."""
    _read(account)


def _read(account: Account) -> tuple[dict[str, str], crypto.Key, Path]:
    options = options_of(account, _OPTIONS, _FILES)
    if not account.url.startswith("https://"):
        raise ValueError("a nexo terminal needs url, such as https://10.0.0.21:8443")
    if not account.at:
        raise ValueError("a card terminal needs at, the kiosk that it stands at")
    if not options["key_version"].isascii() or not options["key_version"].isdigit():
        raise ValueError("key_version is a whole number")
    root = file_of(account, "root")
    try:
        ssl.create_default_context(cafile=str(root))
        passphrase = file_of(account, "passphrase").read_text("utf-8").strip()
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        raise ValueError(f"a file of {account.id} can't be used: {type(error).__name__}") from error
    if not passphrase:
        raise ValueError("the passphrase file is empty")
    return options, crypto.derive_key(passphrase, options["key_identifier"], int(options["key_version"])), root
