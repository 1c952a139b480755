"""Card terminals that speak ZVT over the store's own network."""

import codecs
from pathlib import Path

from unqueue.kernel.clock import Clock
from unqueue.kernel.settings import Provider as Account
from unqueue.providers.account_keys import file_of, options_of
from unqueue.providers.zvt_terminal import wire
from unqueue.providers.zvt_terminal.client import ZvtTerminal
from unqueue.providers.zvt_terminal.dialogue import Line
from unqueue.providers.zvt_terminal.journal import Journal

_OPTIONS = {"host": None, "port": "20007", "currency": None, "encoding": wire.ENCODING, "partial_refunds": "refuse"}
_FILES = ("journal", "password")
_PASSWORD = "000000"  # noqa: S105  # what every terminal leaves the factory with


def open_account(account: Account, clock: Clock) -> ZvtTerminal:
    """The terminal of the settings. ValueError when a setting is missing or a file can't be used."""
    line, journal = _read(account)
    try:
        opened = Journal(journal)
    except OSError as error:
        raise ValueError(f"the journal of {account.id} can't be written: {type(error).__name__}") from error
    return ZvtTerminal(
        provider_id=account.id,
        merchant_id=account.merchant_id,
        line=line,
        journal=opened,
        clock=clock,
        refunds_to_card=account.options.get("partial_refunds") == "to_card",
    )


def check_account(account: Account) -> None:
    """ValueError when the account of the settings could not be opened, without opening it."""
    _read(account)


def _read(account: Account) -> tuple[Line, Path]:
    options = options_of(account, _OPTIONS, _FILES)
    if not account.at:
        raise ValueError("a card terminal needs at, the kiosk that it stands at")
    port = options["port"]
    if not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        raise ValueError("port is a number from 1 to 65535")
    if options["currency"] not in wire.CURRENCIES:
        raise ValueError(f"currency is one of {', '.join(wire.CURRENCIES)}")
    if options["partial_refunds"] not in {"refuse", "to_card"}:
        raise ValueError("partial_refunds is refuse or to_card")
    try:
        codecs.lookup(options["encoding"])
    except LookupError:
        raise ValueError("encoding is a name such as cp437, latin-1 or utf-8") from None
    line = Line(
        host=options["host"],
        port=int(port),
        password=_password(account),
        currency=options["currency"],
        encoding=options["encoding"],
    )
    return line, file_of(account, "journal")


def _password(account: Account) -> str:
    if "password" not in account.files:
        return _PASSWORD
    try:
        password = account.files["password"].read_text("ascii").strip()
    except (OSError, ValueError) as error:
        raise ValueError(f"the password file of {account.id} can't be read: {type(error).__name__}") from error
    if not password.isdecimal() or len(password) != len(_PASSWORD):
        raise ValueError("the password file holds six digits")
    return password
