"""An account in the settings."""

from pathlib import Path
from typing import Any

import pytest
from tests.support.unionpay import chain_of, merchant_signer

from unqueue.kernel.clock import SystemClock
from unqueue.kernel.money import Money
from unqueue.kernel.settings import Provider as Account
from unqueue.providers.kinds import KINDS
from unqueue.providers.port import Attempt
from unqueue.providers.unionpay import GATEWAYS, UnionPay, open_account
from unqueue.providers.unionpay.certificates import Environment
from unqueue.providers.unionpay.sandbox.command import DEMO


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("unionpay")
    chain_of(made)
    merchant_signer(made)
    return made


def account(directory: Path, **changes: Any) -> Account:
    plain: dict[str, Any] = {
        "id": "unionpay",
        "kind": "unionpay",
        "zh": "银联",
        "en": "UnionPay",
        "url": "https://gateway.example",
        "merchant_id": DEMO,
        "options": {"environment": "test"},
        "files": {
            "signing_certificate": directory / f"{DEMO}.pfx",
            "signing_password": directory / f"{DEMO}.password",
            "root_certificate": directory / "root.cer",
            "middle_certificate": directory / "middle.cer",
        },
    }
    return Account(**{**plain, **changes})


def without(table: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in table.items() if name not in names}


async def opened(account: Account) -> UnionPay:
    provider = open_account(account, SystemClock())
    await provider.stop()
    return provider


@pytest.mark.anyio
async def test_an_account_opens(directory: Path) -> None:
    KINDS["unionpay"].check(account(directory))
    provider = await opened(account(directory))
    assert (provider.provider_id, provider.merchant_id, provider.channels) == ("unionpay", DEMO, ("page",))


@pytest.mark.anyio
@pytest.mark.parametrize("environment", ["production", "test"])
async def test_without_an_address_it_is_unionpays_own(directory: Path, environment: Environment) -> None:
    now_us = 1_700_000_000_000_000
    attempt = Attempt(
        attempt_id="0" * 32,
        order_id="1" * 32,
        order_number="104729389",
        amount=Money(1, "CNY"),
        subject_zh="",
        subject_en="",
        return_url="https://store.example/",
        notify_url="https://store.example/told",
        created_us=now_us,
        expires_us=now_us + 1_000_000,
    )
    options = {"environment": environment, "channel_type": "07"}
    provider = await opened(account(directory, url="", options=options))
    action = await provider.create(attempt)
    assert action.url == GATEWAYS[environment] + "/gateway/api/frontTransReq.do"
    assert action.fields["channelType"] == "07"
    provider = await opened(account(directory, options=options | {"front_url": "https://door.example/unionpay/"}))
    assert (await provider.create(attempt)).url == "https://door.example/unionpay/gateway/api/frontTransReq.do"


@pytest.mark.anyio
async def test_the_password_may_come_from_the_environment(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = without(account(directory).files, "signing_password")
    given = account(directory, files=files, options={"signing_password_variable": "PFX_PASSWORD"})
    with pytest.raises(ValueError, match="PFX_PASSWORD"):
        await opened(given)
    monkeypatch.setenv("PFX_PASSWORD", (directory / f"{DEMO}.password").read_text().strip())
    await opened(given)


@pytest.mark.anyio
async def test_certificates_may_be_in_der(directory: Path, tmp_path: Path) -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    files = dict(account(directory).files)
    for name in ("root_certificate", "middle_certificate"):
        certificate = x509.load_pem_x509_certificate(files[name].read_bytes())
        files[name] = tmp_path / f"{name}.cer"
        files[name].write_bytes(certificate.public_bytes(Encoding.DER))
    await opened(account(directory, files=files))


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"url": "http://gateway.example"}, "https"),
        ({"merchant_id": ""}, "merchant_id"),
        ({"options": {"environment": "moon"}}, "environment"),
        ({"options": {"channel_type": "09"}}, "channel_type"),
        ({"options": {"colour": "red"}}, "colour"),
        ({"options": {"signing_password_variable": "X"}}, "either"),
        ({"files": {}}, "root_certificate"),
    ],
)
def test_what_is_missing_or_wrong_is_said(directory: Path, changes: dict[str, Any], what: str) -> None:
    with pytest.raises(ValueError, match=what):
        KINDS["unionpay"].check(account(directory, **changes))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("signing_certificate", b"x"),
        ("signing_password", b"wrong"),
        ("root_certificate", b"x"),
        ("middle_certificate", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"),
        ("root_certificate", None),
    ],
)
def test_files_that_will_not_do_are_named(directory: Path, tmp_path: Path, name: str, content: bytes | None) -> None:
    file = tmp_path / "file"
    if content is not None:
        file.write_bytes(content)
    files = account(directory).files | {name: file}
    with pytest.raises(ValueError, match=r"signing_certificate|root_certificate|middle_certificate"):
        KINDS["unionpay"].check(account(directory, files=files))


def test_certificates_that_do_not_belong_together_are_refused(directory: Path) -> None:
    files = account(directory).files | {"middle_certificate": directory / f"{DEMO}.cer"}
    with pytest.raises(ValueError, match="belong together"):
        KINDS["unionpay"].check(account(directory, files=files))
