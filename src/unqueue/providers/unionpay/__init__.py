"""UnionPay's gateway: online banking and bank cards, paid on the gateway's own page.

docs/protocols/unionpay.md tells what goes over the line, and what the gateway can't do.
"""

import os

from cryptography import x509

from unqueue.kernel.clock import Clock
from unqueue.kernel.settings import Provider as Account
from unqueue.providers.account_keys import file_of, options_of
from unqueue.providers.address import is_local
from unqueue.providers.unionpay import signing
from unqueue.providers.unionpay.certificates import Chain, Environment
from unqueue.providers.unionpay.client import UnionPay
from unqueue.providers.unionpay.requests import ChannelType
from unqueue.providers.unionpay.signing import Signer

GATEWAYS: dict[Environment, str] = {
    "production": "https://gateway.95516.com",
    "test": "https://gateway.test.95516.com",
}
"""UnionPay's own, for accounts that name no url."""

_OPTIONS = {
    "environment": "production",
    "channel_type": "08",
    "signing_password_variable": "",
    "refund_notify_url": "",
    "front_url": "",
}
_FILES = ("signing_certificate", "signing_password", "root_certificate", "middle_certificate")


def open_account(account: Account, clock: Clock) -> UnionPay:
    """The account of the settings. ValueError when a setting is missing or a certificate can't be used."""
    options, signer, chain = _read(account)
    return UnionPay(
        provider_id=account.id,
        merchant_id=account.merchant_id,
        url=account.url or GATEWAYS[_environment(options)],
        signer=signer,
        chain=chain,
        clock=clock,
        channel_type=_channel_type(options),
        refund_notify_url=options["refund_notify_url"],
        front_url=options["front_url"].rstrip("/"),
    )


def check_account(account: Account) -> None:
    """ValueError when the account of the settings could not be opened, without opening it."""
    _read(account)


def _read(account: Account) -> tuple[dict[str, str], Signer, Chain]:
    options = options_of(account, _OPTIONS, _FILES)
    if not account.merchant_id:
        raise ValueError("a UnionPay account needs merchant_id")
    if account.url and not (account.url.startswith("https://") or is_local(account.url)):
        raise ValueError("the url of a UnionPay account must begin with https://")
    _channel_type(options)
    roots, middles = _certificates(account, "root_certificate"), _certificates(account, "middle_certificate")
    if len(roots) != 1:
        raise ValueError("files.root_certificate must hold one certificate")
    chain = Chain(roots[0], middles, _environment(options))
    pfx, password = _content(account, "signing_certificate"), _password(account, options)
    try:
        return options, signing.load_signer(pfx, password), chain
    except ValueError as error:
        raise ValueError(f"files.signing_certificate of {account.id} can't be opened: {error}") from error


def _environment(options: dict[str, str]) -> Environment:
    match options["environment"]:
        case "production" | "test" as environment:
            return environment
        case _:
            raise ValueError('options.environment is "production" or "test"')


def _channel_type(options: dict[str, str]) -> ChannelType:
    match options["channel_type"]:
        case "07" | "08" as channel_type:
            return channel_type
        case _:
            raise ValueError('options.channel_type is "08" (the gateway\'s page for phones) or "07" (for computers)')


def _password(account: Account, options: dict[str, str]) -> str:
    """The password of the .pfx: the first line of a file, or an environment variable. It has no place in the TOML."""
    variable = options["signing_password_variable"]
    if bool(variable) == ("signing_password" in account.files):
        raise ValueError("a UnionPay account needs either files.signing_password or options.signing_password_variable")
    if not variable:
        return (_content(account, "signing_password").decode(errors="replace").splitlines() or [""])[0]
    password = os.environ.get(variable)
    if password is None:
        raise ValueError(f"the environment variable {variable}, with the password of the .pfx, is not set")
    return password


def _certificates(account: Account, name: str) -> list[x509.Certificate]:
    content = _content(account, name)
    try:
        return signing.load_certificates(content)
    except ValueError as error:
        raise ValueError(f"files.{name} of {account.id} is no certificate: {error}") from error


def _content(account: Account, name: str) -> bytes:
    try:
        return file_of(account, name).read_bytes()
    except OSError as error:
        raise ValueError(f"files.{name} of {account.id} can't be read: {error}") from error
