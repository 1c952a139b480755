"""Which signing certificates are believed."""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from unqueue.providers.unionpay.certificates import OWNER, Chain, Untrusted
from unqueue.providers.unionpay.sandbox.authority import GATEWAY, Identity, issue

NOW = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)
YEARS = timedelta(days=4000)


class House(NamedTuple):
    """An authority and the gateway that it vouches for."""

    root: Identity
    middle: Identity
    gateway: Identity

    @property
    def chain(self) -> Chain:
        return Chain(self.root.certificate, [self.middle.certificate], "test")


@pytest.fixture(scope="module")
def house() -> House:
    root = issue("root", None, NOW, authority=True)
    middle = issue("middle", root, NOW, authority=True)
    return House(root, middle, issue(GATEWAY, middle, NOW))


@pytest.fixture(scope="module")
def other() -> House:
    """The same names, other keys: what a forger makes."""
    root = issue("root", None, NOW, authority=True)
    middle = issue("middle", root, NOW, authority=True)
    return House(root, middle, issue(GATEWAY, middle, NOW))


def refused(house: House, pem: str, match: str, now: datetime = NOW) -> None:
    with pytest.raises(Untrusted, match=match):
        house.chain.key_of(pem, now)


def test_the_gateway_is_believed_each_time(house: House) -> None:
    chain = house.chain
    for _ in range(2):
        assert chain.key_of(house.gateway.pem, NOW) == house.gateway.certificate.public_key()


def test_an_expired_or_future_certificate_is_refused_also_after_it_was_believed(house: House) -> None:
    chain = house.chain
    chain.key_of(house.gateway.pem, NOW)
    for now in (NOW + YEARS, NOW - timedelta(days=2)):
        with pytest.raises(Untrusted, match="not valid now"):
            chain.key_of(house.gateway.pem, now)
    refused(house, issue(GATEWAY, house.middle, NOW - YEARS).pem, "not valid now")


def test_an_expired_authority_vouches_for_nothing(house: House) -> None:
    middle = issue("old middle", house.root, NOW - YEARS, authority=True)
    chain = Chain(house.root.certificate, [middle.certificate], "test")
    with pytest.raises(Untrusted, match="not valid now"):
        chain.key_of(issue(GATEWAY, middle, NOW).pem, NOW)


def test_another_root_of_the_same_name_is_refused(house: House, other: House) -> None:
    refused(house, other.gateway.pem, "did not sign")


def test_self_signed_and_unknown_issuers_are_refused(house: House) -> None:
    refused(house, issue(GATEWAY, None, NOW).pem, "somebody else")
    refused(house, issue("middle", None, NOW).pem, "did not sign")
    refused(house, issue(GATEWAY, house.root, NOW).pem, "somebody else")


@pytest.mark.parametrize(
    "common_name",
    ["041@Z2026@00040001:SIGN@00000001", "00040000:SIGN", "a@b@00040000:SIGNx@c", "a@00040000:SIGN", OWNER],
)
def test_another_owner_is_refused(house: House, common_name: str) -> None:
    refused(house, issue(common_name, house.middle, NOW).pem, "somebody else")


def test_production_wants_the_company_by_name(house: House) -> None:
    chain = Chain(house.root.certificate, [house.middle.certificate], "production")
    with pytest.raises(Untrusted, match="somebody else"):
        chain.key_of(house.gateway.pem, NOW)
    company = issue(f"041@8310000000083040@{OWNER}@00016494", house.middle, NOW)
    assert chain.key_of(company.pem, NOW) == company.certificate.public_key()


def test_a_gateway_is_no_authority(house: House) -> None:
    """A certificate for signing messages vouches for no other, and an authority's signs no messages."""
    refused(house, issue(GATEWAY, house.gateway, NOW).pem, "somebody else")
    refused(house, issue(GATEWAY, house.middle, NOW, authority=True).pem, "authority")
    plain = issue("plain", None, NOW)
    with pytest.raises(ValueError, match="no authority"):
        Chain(plain.certificate, [issue("middle", plain, NOW, authority=True).certificate], "test")
    middle = issue("plain middle", house.root, NOW)
    with pytest.raises(Untrusted, match="no authority"):
        Chain(house.root.certificate, [middle.certificate], "test").key_of(issue(GATEWAY, middle, NOW).pem, NOW)


def test_a_chain_must_hold_together(house: House, other: House) -> None:
    with pytest.raises(ValueError, match="did not sign"):
        Chain(house.root.certificate, [other.middle.certificate], "test")
    with pytest.raises(ValueError, match="no middle"):
        Chain(house.root.certificate, [], "test")
    with pytest.raises(ValueError, match="another issuer"):
        Chain(house.middle.certificate, [house.middle.certificate], "test")


def test_the_gateway_may_change_its_authority(house: House) -> None:
    newer = issue("newer middle", house.root, NOW, authority=True)
    chain = Chain(house.root.certificate, [house.middle.certificate, newer.certificate], "test")
    gateway = issue(GATEWAY, newer, NOW)
    assert chain.key_of(gateway.pem, NOW) == gateway.certificate.public_key()
    assert chain.key_of(house.gateway.pem, NOW) == house.gateway.certificate.public_key()


@pytest.mark.parametrize(
    "pem", ["", "x", "-----BEGIN CERTIFICATE-----\r\nAAAA\r\n-----END CERTIFICATE-----", "A" * 20_000]
)
def test_what_is_no_certificate_is_refused(house: House, pem: str) -> None:
    refused(house, pem, "it ")


def test_two_certificates_are_refused(house: House) -> None:
    refused(house, f"{house.gateway.pem}\r\n{house.gateway.pem}", "not one certificate")


@settings(max_examples=500, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(place=st.integers(30, 1100), put=st.characters(codec="ascii"))
def test_a_scratched_certificate_is_refused_without_a_crash(house: House, place: int, put: str) -> None:
    pem = house.gateway.pem
    scratched = pem[:place] + put + pem[place + 1 :]
    try:
        key = house.chain.key_of(scratched, NOW)
    except Untrusted:
        return
    assert key == house.gateway.certificate.public_key(), "white space may differ"
