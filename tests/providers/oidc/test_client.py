"""The store as a client of an OpenID provider that signs with real keys: what is believed, and what is not."""

from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
from tests.support.head_office import MANAGER, SETTINGS, Office

from unqueue.kernel.clock import ManualClock
from unqueue.providers.key_files import new_rsa_key
from unqueue.providers.oidc.client import KEPT_S, KEYS_AGAIN_S, challenge_of
from unqueue.providers.oidc.id_token import ALGORITHMS, Expected, Person, read_id_token
from unqueue.providers.oidc.refusals import HeadOfficeAway, HeadOfficeRefused, IdTokenInvalid
from unqueue.providers.oidc.sandbox.app import CODE_LIFE_S
from unqueue.providers.oidc.sandbox.tokens import LIFE_S, TROUBLES, SigningKey, Trouble, id_token

pytestmark = pytest.mark.anyio
VERIFIER, NONCE = "v" * 43, "n" * 43
NOW_S = 1_772_000_000


@pytest.fixture(scope="module")
def key() -> SigningKey:
    return SigningKey(new_rsa_key())


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime(2026, 3, 2, 9, 0, tzinfo=UTC))


@pytest.fixture
def office(tmp_path: Path, clock: ManualClock) -> Office:
    return Office(tmp_path, clock)


async def code_of(office: Office, trouble: str = "none") -> str:
    url = await office.client.authorization_url(state="s", nonce=NONCE, verifier=VERIFIER)
    return (await office.choose(url, trouble=trouble))["code"]


async def person(office: Office, trouble: str = "none") -> Person:
    return await office.client.person(await code_of(office, trouble), nonce=NONCE, verifier=VERIFIER)


async def test_a_person_is_vouched_for(office: Office) -> None:
    found = await person(office)
    assert found.subject == MANAGER.subject
    assert found.texts("name") == (MANAGER.name,)
    assert "store-managers" in found.texts("roles")


async def test_what_the_browser_takes_along(office: Office) -> None:
    url = await office.client.authorization_url(state="our state", nonce=NONCE, verifier=VERIFIER)
    asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    assert (asked["state"], asked["nonce"], asked["response_type"]) == ("our state", NONCE, "code")
    assert (asked["code_challenge"], asked["code_challenge_method"]) == (challenge_of(VERIFIER), "S256")
    assert VERIFIER not in url


@pytest.mark.parametrize("trouble", sorted(set(TROUBLES) - {"none", "broken"}))
async def test_a_token_that_proves_nothing_is_refused(office: Office, trouble: Trouble) -> None:
    with pytest.raises(HeadOfficeRefused):
        await person(office, trouble)
    await person(office)


async def test_a_provider_that_breaks_is_away(office: Office) -> None:
    with pytest.raises(HeadOfficeAway):
        await person(office, "broken")
    code = await code_of(office)
    office.away = True
    with pytest.raises(HeadOfficeAway):
        await office.client.person(code, nonce=NONCE, verifier=VERIFIER)


async def test_a_code_is_good_once_in_time_and_with_its_verifier(office: Office, clock: ManualClock) -> None:
    code = await code_of(office)
    with pytest.raises(HeadOfficeRefused):
        await office.client.person(code, nonce=NONCE, verifier="w" * 43)
    code = await code_of(office)
    await office.client.person(code, nonce=NONCE, verifier=VERIFIER)
    with pytest.raises(HeadOfficeRefused):
        await office.client.person(code, nonce=NONCE, verifier=VERIFIER)
    late = await code_of(office)
    clock.advance(CODE_LIFE_S + 1)
    with pytest.raises(HeadOfficeRefused):
        await office.client.person(late, nonce=NONCE, verifier=VERIFIER)


async def test_a_token_of_another_sign_in_is_refused(office: Office) -> None:
    code = await code_of(office)
    with pytest.raises(HeadOfficeRefused):
        await office.client.person(code, nonce="another", verifier=VERIFIER)


async def test_a_client_with_a_wrong_secret_is_refused(tmp_path: Path, clock: ManualClock) -> None:
    office = Office(tmp_path, clock, secret="wrong")
    with pytest.raises(HeadOfficeRefused):
        await person(office)


async def test_keys_are_asked_for_once_and_again_when_they_change(office: Office, clock: ManualClock) -> None:
    await person(office)
    await person(office)
    assert (office.asked.count("/keys"), office.asked.count("/.well-known/openid-configuration")) == (1, 1)
    clock.advance(KEYS_AGAIN_S)
    office.sandbox.rotate()
    await person(office)
    assert office.asked.count("/keys") == 2
    with pytest.raises(HeadOfficeRefused):
        await person(office, "unknown_key")
    assert office.asked.count("/keys") == 2  # not so soon again: unknown keys must not make us ask and ask
    clock.advance(KEPT_S)
    await person(office)
    assert (office.asked.count("/keys"), office.asked.count("/.well-known/openid-configuration")) == (3, 2)


async def test_a_provider_that_calls_itself_otherwise_is_not_believed(tmp_path: Path, clock: ManualClock) -> None:
    other = msgspec.structs.replace(SETTINGS, issuer="https://elsewhere.example")
    office = Office(tmp_path, clock, settings=other)
    with pytest.raises(HeadOfficeAway):
        await office.client.authorization_url(state="s", nonce=NONCE, verifier=VERIFIER)


# The tokens themselves, without a network.


def claims() -> dict[str, object]:
    return {
        "iss": "https://a.example",
        "sub": "1",
        "aud": "shop",
        "iat": NOW_S,
        "exp": NOW_S + LIFE_S,
        "nonce": NONCE,
    }


def read(token: str, *keys: SigningKey, now_s: float = NOW_S) -> Person:
    return read_id_token(token, [one.jwk for one in keys], Expected("https://a.example", "shop", NONCE, now_s))


@pytest.mark.parametrize("trouble", sorted(set(TROUBLES) - {"none", "refused", "broken"}))
def test_each_wrong_token_has_its_reason(key: SigningKey, trouble: Trouble) -> None:
    reasons = {
        "wrong_nonce": "nonce", "no_nonce": "nonce", "wrong_issuer": "Issuer", "wrong_audience": "Audience",
        "two_audiences": "azp", "wrong_party": "azp", "expired": "expired", "of_the_future": "future",
        "no_expiry": "exp", "no_subject": "sub", "unknown_key": "0 keys", "forged": "Signature",
        "alg_none": "'none'", "hs256_public_key": "'HS256'", "other_alg": "0 keys", "garbage": "Decode",
    }  # fmt: skip
    with pytest.raises(IdTokenInvalid, match=reasons[trouble]):
        read(id_token(key, claims(), trouble), key)
    assert read(id_token(key, claims(), "none"), key).subject == "1"


def test_time_is_the_stores_own_with_a_minute_of_leeway(key: SigningKey) -> None:
    token = id_token(key, claims(), "none")
    for now_s in (NOW_S - 60, NOW_S, NOW_S + LIFE_S + 59):
        read(token, key, now_s=now_s)
    for now_s in (NOW_S - 61, NOW_S + LIFE_S + 60):
        with pytest.raises(IdTokenInvalid, match=r"expired|future"):
            read(token, key, now_s=now_s)


def test_a_key_for_encryption_is_none_for_signatures(key: SigningKey) -> None:
    token = id_token(key, claims(), "none")
    for change in ({"use": "enc"}, {"alg": "RS512"}, {"kty": "oct", "k": "AAAA"}):
        with pytest.raises(IdTokenInvalid, match="0 keys"):
            read_id_token(token, [{**key.jwk, **change}], Expected("https://a.example", "shop", NONCE, NOW_S))


def test_a_token_without_a_key_id_fits_the_only_key(key: SigningKey) -> None:
    token = key.sign({"alg": "RS256"}, claims())
    assert read(token, key).subject == "1"
    with pytest.raises(IdTokenInvalid, match="2 keys"):
        read(token, key, SigningKey(new_rsa_key()))


def test_no_algorithm_shares_a_secret() -> None:
    assert not [name for name in ALGORITHMS if name.startswith("HS") or name == "none"]


@pytest.mark.parametrize("strange", ["", "a.b.c", "....", "e30.e30.e30", "é.é.é", "A" * 20_000])
def test_what_is_no_token_is_refused(key: SigningKey, strange: str) -> None:
    with pytest.raises(IdTokenInvalid):
        read(strange, key)


@pytest.mark.parametrize(
    "change", [{"exp": "soon"}, {"exp": True}, {"iat": None}, {"aud": 5}, {"sub": 5}, {"nonce": 5}]
)
def test_claims_of_a_wrong_kind_are_refused(key: SigningKey, change: dict[str, object]) -> None:
    header = {"alg": "RS256", "kid": key.key_id}
    with pytest.raises(IdTokenInvalid):
        read(key.sign(header, claims() | change), key)
