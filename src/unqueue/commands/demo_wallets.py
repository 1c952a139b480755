"""How shoppers pay in the demo: the accounts at its sandboxes, as tables of the server's settings."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

STORED_VALUE = {"id": "gift-card", "kind": "stored_value", "zh": "购物卡", "en": "Gift card"}
CASH = {"id": "cash", "kind": "cash", "zh": "现金", "en": "Cash"}
TERMINAL_PASSPHRASE, TERMINAL_KEY = "demo passphrase", "demo-key"
GIFT_CARD = ("2990 1234 5678 9012", 5_000)
"""A card that the demo's shoppers may pay with: its code, and what lies on it, in fen."""
MEMBER_CARD = "2990 7777 0000 0001"
"""A card that makes a visit in the demo a member's."""


def accounts(wallets: Mapping[str, Mapping[str, Any]], terminal: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The ways to pay, by what each sandbox, and the kiosk's card terminal, said of itself when it started."""
    found = [_wallet(wallets["wallet"])]
    if "wechat-pay" in wallets:
        found.append({"id": "wechat", "zh": "微信支付", "en": "WeChat Pay", **wallets["wechat-pay"]["account"]})
    if "alipay" in wallets:
        found.append(_alipay(wallets["alipay"]))
    if "unionpay" in wallets:
        found.append(_unionpay(wallets["unionpay"]))
    return [*found, STORED_VALUE, CASH, _terminal(terminal)]


def toml_of(account: Mapping[str, Any]) -> list[str]:
    """An account as a table of ``[[payments.providers]]``."""
    tables = {key: value for key, value in account.items() if isinstance(value, Mapping)}
    lines = ["[[payments.providers]]"]
    lines += [f"{key} = {text(value)}" for key, value in account.items() if key not in tables]
    for name, table in tables.items():
        lines += [f"[payments.providers.{name}]", *(f"{key} = {text(value)}" for key, value in table.items())]
    return lines


def text(value: object) -> str:
    """A TOML string (a JSON string is one, TOML 1.0.0 "basic strings")."""
    return json.dumps(str(value), ensure_ascii=False)


def _wallet(wallet: Mapping[str, Any]) -> dict[str, Any]:
    directory = Path(str(wallet["public_key_file"])).parent
    return {
        "id": "sandbox",
        "kind": "sandbox_wallet",
        "zh": "沙盒钱包",
        "en": "Sandbox wallet",
        "url": wallet["url"],
        "merchant_id": "demo-store",
        "private_key_file": directory / "demo-store.key",
        "provider_public_key_file": wallet["public_key_file"],
    }


def _alipay(alipay: Mapping[str, Any]) -> dict[str, Any]:
    directory = Path(str(alipay["public_key_file"])).parent
    return {
        "id": "alipay",
        "kind": "alipay",
        "zh": "支付宝",
        "en": "Alipay",
        "url": alipay["url"],
        "merchant_id": "2088000000000001",
        "private_key_file": directory / "demo-store.key",
        "provider_public_key_file": alipay["public_key_file"],
        "options": {"app_id": "2021000000000001", "front_url": alipay["public_url"]},
    }


def _terminal(terminal: Mapping[str, Any]) -> dict[str, Any]:
    root = Path(str(terminal["root_file"]))
    passphrase = root.parent / "passphrase"
    passphrase.touch(mode=0o600)
    passphrase.write_text(TERMINAL_PASSPHRASE + "\n", encoding="utf-8")
    return {
        "id": "card",
        "kind": "nexo_terminal",
        "zh": "银行卡",
        "en": "Bank card",
        "url": terminal["url"],
        "merchant_id": "demo-store",
        "at": "kiosk-1",
        "options": {
            "poi_id": terminal["poi_id"],
            "sale_id": "demo-store-kiosk-1",
            "key_identifier": TERMINAL_KEY,
            "tls_name": terminal["tls_name"],
            "currency": "CNY",
        },
        "files": {"passphrase": passphrase, "root": root},
    }


def _unionpay(gateway: Mapping[str, Any]) -> dict[str, Any]:
    directory = Path(str(gateway["root_certificate_file"])).parent
    return {
        "id": "unionpay",
        "kind": "unionpay",
        "zh": "银联在线支付",
        "en": "UnionPay",
        "url": gateway["url"],
        "merchant_id": "777000000000001",
        "options": {"environment": gateway["environment"], "front_url": gateway["public_url"]},
        "files": {
            "signing_certificate": directory / "777000000000001.pfx",
            "signing_password": directory / "777000000000001.password",
            "root_certificate": gateway["root_certificate_file"],
            "middle_certificate": gateway["middle_certificate_file"],
        },
    }
