"""The account's settings: what is missing or something else is told in words, before anything starts."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from tests.providers.wechat_pay.shop import Shop

from unqueue.kernel.clock import SystemClock
from unqueue.kernel.settings import Provider as Account
from unqueue.providers.kinds import KINDS
from unqueue.providers.wechat_pay.account import GATEWAY, read_account

PEM, RAW = serialization.Encoding.PEM, serialization.NoEncryption()


def changed(account: Account, **changes: Any) -> Account:
    return msgspec.structs.replace(account, **changes)


def with_option(account: Account, name: str, value: str | None) -> Account:
    options = {**account.options, name: value}
    return changed(account, options={key: text for key, text in options.items() if text is not None})


def test_the_sandboxs_account_is_one(shop: Shop) -> None:
    read = read_account(shop.account)
    assert (read.merchant_id, read.app_id, read.channels) == (
        "1900000109", "wxd678efh567hg6787", ("qr", "page", "in_wallet"),
    )  # fmt: skip
    assert read.app_secret not in repr(read)
    assert read.api_v3_key.decode() not in repr(read)
    KINDS["wechat_pay"].check(shop.account)


def test_what_is_left_out_is_wechat_pays(shop: Shop) -> None:
    account = with_option(with_option(shop.account, "authorize_url", None), "token_url", None)
    files = {"api_v3_key": account.files["api_v3_key"]}
    read = read_account(changed(account, url="", files=files))
    assert read.url == GATEWAY
    assert read.authorize_url.startswith("https://open.weixin.qq.com/")
    assert read.token_url.startswith("https://api.weixin.qq.com/")
    assert read.channels == ("qr", "page"), "without an app_secret nobody's openid can be had"


@pytest.mark.parametrize(
    ("channels", "read"), [("qr", ("qr",)), ("page qr", ("page", "qr")), ("in_wallet qr", ("in_wallet", "qr"))]
)
def test_channels_are_the_products_that_were_granted(shop: Shop, channels: str, read: tuple[str, ...]) -> None:
    assert KINDS["wechat_pay"].open(with_option(shop.account, "channels", channels), SystemClock()).channels == read


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("app_id", None, "app_id"),
        ("app_id", "2021000000000000", "app_id is such as wx"),
        ("serial_number", "5157-F09E", "serial_number is such as"),
        ("public_key_id", "5157F09EFDC096DE15EBE81A47057A7232F1B8E1", "public_key_id is such as PUB_KEY_ID"),
        ("channels", "qr sms", "channels are of"),
        ("channels", "qr qr", "channels are of"),
        ("sub_mchid", "1", "knows no sub_mchid"),
    ],
)
def test_options(shop: Shop, name: str, value: str | None, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        read_account(with_option(shop.account, name, value))


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"merchant_id": ""}, "merchant_id is such as"),
        ({"merchant_id": "store-7"}, "merchant_id is such as"),
        ({"private_key_file": None}, "apiclient_key.pem"),
        ({"provider_public_key_file": None}, "provider_public_key_file"),
        ({"private_key_file": Path("/nowhere.pem")}, "can't be read"),
        ({"files": {}}, "api_v3_key"),
    ],
)
def test_keys_of_the_account(shop: Shop, changes: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        read_account(changed(shop.account, **changes))


def test_files_that_hold_something_else(shop: Shop, tmp_path: Path) -> None:
    private, public = shop.account.private_key_file, shop.account.provider_public_key_file
    other, short, weak, certificate = (tmp_path / name for name in ("other", "short", "weak", "certificate"))
    other.write_bytes(Ed25519PrivateKey.generate().private_bytes(PEM, serialization.PrivateFormat.PKCS8, RAW))
    short.write_text("too short\n")
    certificate.write_text("-----BEGIN CERTIFICATE-----\n")
    small = generate_private_key(public_exponent=65537, key_size=1024)
    weak.write_bytes(small.private_bytes(PEM, serialization.PrivateFormat.PKCS8, RAW))
    for changes, problem in (
        ({"private_key_file": public}, "no private key"),
        ({"private_key_file": other}, "no RSA private key"),
        ({"private_key_file": weak}, "2048 bits or more"),
        ({"provider_public_key_file": private}, "no public key"),
        ({"provider_public_key_file": certificate}, "微信支付公钥"),
        ({"files": {"api_v3_key": short}}, "holds 9 bytes"),
    ):
        with pytest.raises(ValueError, match=problem):
            read_account(changed(shop.account, **changes))
    without = changed(
        with_option(shop.account, "channels", "in_wallet"), files={"api_v3_key": shop.account.files["api_v3_key"]}
    )
    with pytest.raises(ValueError, match=r"needs files\.app_secret"):
        read_account(without)


def test_a_key_in_pkcs1_serves_too(shop: Shop, tmp_path: Path) -> None:
    """``BEGIN RSA PRIVATE KEY``, which the SDK alone would not read."""
    old = tmp_path / "pkcs1.pem"
    key = shop.credentials.key
    old.write_bytes(key.private_bytes(PEM, serialization.PrivateFormat.TraditionalOpenSSL, RAW))
    account = changed(shop.account, private_key_file=old)
    assert KINDS["wechat_pay"].open(account, SystemClock()).merchant_id == "1900000109"
