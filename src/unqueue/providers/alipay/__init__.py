"""Alipay (支付宝): precreated codes and pages of its open platform, signed with RSA2. docs/protocols/alipay.md."""

from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

from unqueue.kernel.clock import Clock
from unqueue.kernel.settings import Provider as Account
from unqueue.providers.account_keys import options_of
from unqueue.providers.alipay import keys
from unqueue.providers.alipay.client import GATEWAY, Alipay


def open_account(account: Account, clock: Clock) -> Alipay:
    """The account of the settings. ValueError when a setting is missing or a key can't be read."""
    key, alipay_key = _checked(account)
    return Alipay(
        provider_id=account.id,
        merchant_id=account.merchant_id,
        app_id=account.options["app_id"],
        gateway=gateway_of(account.url),
        front_gateway=gateway_of(account.options.get("front_url", "").rstrip("/") or account.url),
        key=key,
        alipay_key=alipay_key,
        clock=clock,
    )


def check_account(account: Account) -> None:
    """ValueError when the account of the settings could not be opened, without opening it."""
    _checked(account)


def gateway_of(url: str) -> str:
    """The gateway's whole address.

    >>> gateway_of(""), gateway_of("http://127.0.0.1:8301")
    ('https://openapi.alipay.com/gateway.do', 'http://127.0.0.1:8301/gateway.do')
    """
    if not url:
        return GATEWAY
    return url if urlsplit(url).path.endswith("/gateway.do") else f"{url}/gateway.do"


def _checked(account: Account) -> tuple[RSAPrivateKey, RSAPublicKey]:
    private, public = account.private_key_file, account.provider_public_key_file
    if not (account.merchant_id and private and public):
        raise ValueError("alipay needs merchant_id, private_key_file and provider_public_key_file")
    app_id = options_of(account, {"app_id": None, "front_url": ""})["app_id"]
    if not (app_id.isascii() and app_id.isdigit()):
        raise ValueError(f"an app_id of Alipay is digits: {app_id}")
    if not (account.merchant_id.isascii() and account.merchant_id.isdigit()):
        raise ValueError(f"merchant_id is the seller's PID, 16 digits that begin with 2088: {account.merchant_id}")
    try:
        key, alipay_key = keys.load_private_key(private), keys.load_public_key(public)
    except OSError as error:
        raise ValueError(f"a key of {account.id} can't be read: {error}") from error
    except (ValueError, TypeError) as error:  # a key with a password is a TypeError
        raise ValueError(f"a key of {account.id} is not what it should be: {error}") from error
    if key.public_key().public_numbers() == alipay_key.public_numbers():
        raise ValueError(f"{public.name} is the application's own public key; save Alipay's (支付宝公钥) instead")
    return key, alipay_key
