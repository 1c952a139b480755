"""An account at Alipay in the settings."""

from pathlib import Path
from typing import Any

import pytest

from unqueue.kernel.clock import SystemClock
from unqueue.kernel.settings import Provider
from unqueue.providers.alipay import keys
from unqueue.providers.kinds import KINDS, open_provider

pytestmark = pytest.mark.anyio


def account(directory: Path, **changes: Any) -> Provider:
    private, _ = keys.ensure_key_pair(directory, "app")
    _, public = keys.ensure_key_pair(directory, "alipay")
    plain: dict[str, Any] = {
        "id": "alipay",
        "kind": "alipay",
        "zh": "支付宝",
        "en": "Alipay",
        "merchant_id": "2088721047600000",
        "private_key_file": private,
        "provider_public_key_file": public,
        "options": {"app_id": "2021000147600000"},
    }
    return Provider(**{**plain, **changes})


async def test_an_account_becomes_a_provider(tmp_path: Path) -> None:
    KINDS["alipay"].check(account(tmp_path))
    opened = open_provider(account(tmp_path), SystemClock())
    assert (opened.provider_id, opened.merchant_id, opened.wallet) == ("alipay", "2088721047600000", "alipay")
    assert opened.channels == ("page", "qr", "in_wallet")
    await opened.stop()


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"merchant_id": ""}, "merchant_id"),
        ({"private_key_file": None}, "private_key_file"),
        ({"provider_public_key_file": None}, "provider_public_key_file"),
        ({"options": {}}, "app_id"),
        ({"options": {"app_id": "2021", "appid": "2021"}}, "appid"),
        ({"options": {"app_id": "my app"}}, "digits"),
        ({"merchant_id": "store-7"}, "2088"),
        ({"files": {"root": Path("x")}}, "root"),
        ({"private_key_file": Path("/nowhere/app.key")}, "can't be read"),
    ],
)
def test_what_is_wrong_is_told(tmp_path: Path, changes: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        KINDS["alipay"].check(account(tmp_path, **changes))


def test_the_usual_mistakes_with_keys_are_told(tmp_path: Path) -> None:
    private, own_public = keys.ensure_key_pair(tmp_path, "app")
    with pytest.raises(ValueError, match="支付宝公钥"):
        KINDS["alipay"].check(account(tmp_path, provider_public_key_file=own_public))
    with pytest.raises(ValueError, match="not what it should be"):
        KINDS["alipay"].check(account(tmp_path, provider_public_key_file=private))
    with pytest.raises(ValueError, match="not what it should be"):
        KINDS["alipay"].check(account(tmp_path, private_key_file=own_public))
