"""A merchant's account at WeChat Pay, as the settings write it."""

import re
from pathlib import Path
from typing import get_args

import msgspec
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

from unqueue.kernel.settings import Provider as Account
from unqueue.providers.account_keys import file_of, options_of
from unqueue.providers.key_files import load_rsa_private_key, load_rsa_public_key
from unqueue.providers.port import Channel

GATEWAY = "https://api.mch.weixin.qq.com"
AUTHORIZE_URL = "https://open.weixin.qq.com/connect/oauth2/authorize"
TOKEN_URL = "https://api.weixin.qq.com/sns/oauth2/access_token"  # noqa: S105  # an address, no secret
_OPTIONS = {
    "app_id": None,
    "serial_number": None,
    "public_key_id": None,
    "channels": "",
    "authorize_url": AUTHORIZE_URL,
    "token_url": TOKEN_URL,
}
_FILES = ("api_v3_key", "app_secret")


class Credentials(msgspec.Struct, frozen=True, kw_only=True):
    """Who the merchant is (商户号, AppID) and what it signs, checks and opens with.

    ``serial_number`` names the merchant's certificate, ``public_key_id`` WeChat Pay's public key. ``authorize_url`` and
    ``token_url`` are where a shopper's openid comes from; without an ``app_secret`` it can't be had.
    """

    merchant_id: str
    app_id: str
    key: RSAPrivateKey
    serial_number: str
    platform_key: RSAPublicKey
    public_key_id: str
    api_v3_key: bytes
    app_secret: str
    channels: tuple[Channel, ...]
    url: str
    authorize_url: str
    token_url: str

    def __repr__(self) -> str:
        return f"Credentials(merchant_id={self.merchant_id!r})"  # secrets stay out of logs


def read_account(account: Account) -> Credentials:
    """The account's credentials. ValueError says in words what is missing, can't be read, or is something else."""
    options = options_of(account, _OPTIONS, _FILES)
    private, public = account.private_key_file, account.provider_public_key_file
    if not (private and public):
        raise ValueError("wechat_pay needs private_key_file (apiclient_key.pem) and provider_public_key_file")
    _check_names(account.merchant_id, options)
    try:
        app_secret = account.files["app_secret"].read_text("utf-8").strip() if "app_secret" in account.files else ""
        return Credentials(
            merchant_id=account.merchant_id,
            app_id=options["app_id"],
            key=load_rsa_private_key(private),
            serial_number=options["serial_number"],
            platform_key=load_rsa_public_key(
                public, not_certificate="download WeChat Pay's public key (微信支付公钥) instead"
            ),
            public_key_id=options["public_key_id"],
            api_v3_key=_api_v3_key(file_of(account, "api_v3_key")),
            app_secret=app_secret,
            channels=_channels(options["channels"], app_secret),
            url=account.url or GATEWAY,
            authorize_url=options["authorize_url"],
            token_url=options["token_url"],
        )
    except OSError as error:
        raise ValueError(f"a file of {account.id} can't be read: {error}") from error


def _check_names(merchant_id: str, options: dict[str, str]) -> None:
    for name, value, pattern, like in (
        ("merchant_id", merchant_id, r"[0-9]{8,10}", "1900000109"),
        ("app_id", options["app_id"], r"wx[0-9a-zA-Z]{8,30}", "wxd678efh567hg6787"),
        ("serial_number", options["serial_number"], r"[0-9A-Fa-f]{8,64}", "5157F09EFDC096DE15EBE81A47057A7232F1B8E1"),
        ("public_key_id", options["public_key_id"], r"PUB_KEY_ID_[0-9A-Za-z]{1,64}", "PUB_KEY_ID_0119000001092024…"),
    ):
        if not re.fullmatch(pattern, value):
            raise ValueError(f"{name} is such as {like}, not {value!r}")


def _api_v3_key(path: Path) -> bytes:
    key = path.read_bytes().strip()
    if len(key) != 32:
        raise ValueError(f"{path.name} holds {len(key)} bytes; an APIv3 key (APIv3 密钥) has 32")
    return key


def _channels(text: str, app_secret: str) -> tuple[Channel, ...]:
    """The products that the merchant has been granted: Native (qr), H5 (page), JSAPI (in_wallet)."""
    if not text:
        return ("qr", "page", "in_wallet") if app_secret else ("qr", "page")
    known = {channel: channel for channel in get_args(Channel)}
    channels = tuple(known[name] for name in text.split() if name in known)
    if len(channels) != len(text.split()) or len(set(channels)) != len(channels):
        raise ValueError(f'channels are of "qr page in_wallet", each once, with spaces between; not {text!r}')
    if "in_wallet" in channels and not app_secret:
        raise ValueError("the channel in_wallet needs files.app_secret: the shopper's openid can't be had without")
    return channels
