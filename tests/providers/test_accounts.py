"""From the settings to providers."""

from pathlib import Path
from typing import Any

import pytest

from unqueue.kernel.clock import SystemClock
from unqueue.kernel.settings import Payments, Provider, Server, Settings, Store
from unqueue.providers.kinds import KINDS, check_settings, notify_bases, open_provider, open_providers
from unqueue.providers.sandbox_wallet import signing

pytestmark = pytest.mark.anyio


def account(directory: Path, **changes: Any) -> Provider:
    private, public = signing.ensure_key_pair(directory, "store")
    plain: dict[str, Any] = {
        "id": "sandbox",
        "kind": "sandbox_wallet",
        "zh": "沙盒钱包",
        "en": "Sandbox wallet",
        "url": "http://127.0.0.1:8300",
        "merchant_id": "store-7",
        "private_key_file": private,
        "provider_public_key_file": public,
    }
    return Provider(**{**plain, **changes})


async def test_an_account_becomes_a_provider(tmp_path: Path) -> None:
    opened = open_providers([account(tmp_path)], SystemClock())
    assert list(opened) == ["sandbox"]
    assert (opened["sandbox"].provider_id, opened["sandbox"].merchant_id) == ("sandbox", "store-7")
    await opened["sandbox"].stop()


@pytest.mark.parametrize("missing", ["url", "merchant_id", "private_key_file", "provider_public_key_file"])
def test_what_an_account_lacks_is_told(tmp_path: Path, missing: str) -> None:
    empty: Any = None if missing.endswith("file") else ""
    with pytest.raises(ValueError, match=missing):
        open_provider(account(tmp_path, **{missing: empty}), SystemClock())


def test_a_key_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="sandbox can't be read"):
        open_provider(account(tmp_path, private_key_file=tmp_path / "no.key"), SystemClock())


def test_an_unknown_kind_is_told_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="dream_bank"):
        open_provider(account(tmp_path, kind="dream_bank"), SystemClock())
    settings = Settings(payments=Payments(providers=[account(tmp_path), account(tmp_path, kind="dream_bank")]))
    ((key, what, mend),) = check_settings(settings)
    assert key == ("payments", "providers", 1, "kind")
    assert "dream_bank" in what
    assert all(kind in mend for kind in KINDS)


def test_a_key_of_the_wrong_kind_is_told_with_its_place(tmp_path: Path) -> None:
    _, public = signing.ensure_key_pair(tmp_path, "store")
    settings = Settings(payments=Payments(providers=[account(tmp_path), account(tmp_path, private_key_file=public)]))
    ((key, what, _),) = check_settings(settings)
    assert key == ("payments", "providers", 1)
    assert what.startswith("a key of sandbox is not what it should be")


@pytest.mark.parametrize(
    ("server", "url", "base"),
    [
        (Server(port=8000), "http://127.0.0.1:8300", "http://127.0.0.1:8000"),
        (Server(host="0.0.0.0", port=8000), "http://localhost:8300", "http://127.0.0.1:8000"),
        (Server(host="::1", port=8000), "http://[::1]:8300", "http://[::1]:8000"),
        (Server(port=8000), "https://pay.example", "https://store.example"),
        (Server(port=0), "http://127.0.0.1:8300", "https://store.example"),
    ],
)
def test_where_a_provider_finds_the_server(tmp_path: Path, server: Server, url: str, base: str) -> None:
    settings = Settings(
        store=Store(public_url="https://store.example"),
        server=server,
        payments=Payments(providers=[account(tmp_path, url=url)]),
    )
    assert notify_bases(settings) == {"sandbox": base}


def test_one_account_of_cash_serves_all_kiosks() -> None:
    accounts = [Provider(id=name, kind="cash", zh="现金", en="Cash") for name in ("cash", "coins")]
    objections = list(check_settings(Settings(payments=Payments(providers=accounts))))
    assert [(at, what) for at, what, _ in objections] == [
        (("payments", "providers", 1, "kind"), "there is an account of cash already")
    ]
