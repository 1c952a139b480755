"""Staff who sign in through head office, over HTTP: the whole way, with the sandbox behind it."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from tests.support.head_office import ACCOUNTANT, ATTENDANT, ISSUER, MANAGER, SETTINGS, Office
from tests.support.lanes import Bearer, Clients

from unqueue.kernel import journal
from unqueue.kernel.clock import ManualClock
from unqueue.server.app import MerchantServer
from unqueue.server.staff.head_office import link_member
from unqueue.server.staff.service import create_staff, list_staff, remove_staff
from unqueue.server.staff.tickets import LIFE_S

pytestmark = pytest.mark.anyio
SIGN_IN = "/api/staff/sessions/head-office"
Guest = Callable[[], Awaitable[Bearer]]


@pytest.fixture
def office(store: MerchantServer, tmp_path: Path, clock: ManualClock) -> Office:
    """Head office, and a store that lets its people in."""
    one = Office(tmp_path / "office", clock)
    store.head_office._optional_client = one.client
    store.head_office._roles = dict(SETTINGS.roles)
    return one


@pytest.fixture
def guest(clients: Clients) -> Guest:
    async def one() -> Bearer:
        return Bearer(await clients())

    return one


async def come_back(one: Bearer, office: Office, subject: str, trouble: str = "none") -> dict[str, str]:
    """What the console sends after a visit to head office's page."""
    leaving = await one.call("POST", f"{SIGN_IN}/options")
    back = await office.choose(leaving["url"], subject, trouble)
    assert back["state"] == leaving["state"]
    return {"code": back["code"], "state": back["state"], "iss": back["iss"], "binding": leaving["binding"]}


async def sign_in(
    one: Bearer, office: Office, subject: str = MANAGER.subject, *, status: int = 201, trouble: str = "none"
) -> Any:
    session = await one.call("POST", SIGN_IN, await come_back(one, office, subject, trouble), status=status)
    if status == 201:
        one.http.headers["Authorization"] = f"Bearer {session['token']}"
    return session


async def told(store: MerchantServer) -> list[tuple[str, dict[str, Any]]]:
    found = await store.database.read(journal.read)
    return [(one.kind, one.payload()) for one in found if one.kind.startswith("staff.")]


async def test_a_person_with_a_role_gets_in(store: MerchantServer, office: Office, guest: Guest) -> None:
    one = await guest()
    session = await sign_in(one, office)
    assert (session["name"], session["role"], session["way"]) == (MANAGER.name, "manager", "oidc")
    await one.call("GET", "/api/staff/floor")
    again = await sign_in(await guest(), office)
    assert again["token"] != session["token"]
    assert [(member.name, member.role, member.knows_pin) for member in list_staff(store.database)] == [
        (MANAGER.name, "manager", False)
    ]
    kinds = [kind for kind, _ in await told(store)]
    assert kinds == ["staff.created", "staff.signed_in", "staff.signed_in"]
    assert (await told(store))[-1][1]["subject"] == MANAGER.subject


async def test_who_has_no_role_is_told_what_to_do(store: MerchantServer, office: Office, guest: Guest) -> None:
    refused = await sign_in(await guest(), office, ACCOUNTANT.subject, status=403)
    assert refused["code"] == "no_role_here"
    assert ACCOUNTANT.name in refused["zh"]
    assert "head office" in refused["en"]
    assert list_staff(store.database) == []
    assert (await told(store))[-1] == (
        "staff.sign_in_refused",
        {"name": ACCOUNTANT.name, "subject": ACCOUNTANT.subject, "why": "no_role_here"},
    )


async def test_a_role_follows_head_office(
    store: MerchantServer, office: Office, guest: Guest, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = await guest()
    await sign_in(one, office)
    monkeypatch.setitem(store.head_office._roles, "store-managers", "it")  # type: ignore[arg-type]
    assert (await sign_in(await guest(), office))["role"] == "it"
    assert (await one.call("GET", "/api/staff/sessions/current"))["role"] == "it"
    assert "staff.changed" in [kind for kind, _ in await told(store)]
    monkeypatch.setattr(store.head_office, "_roles", {"store-staff": "attendant"})
    await sign_in(await guest(), office, status=403)
    await one.call("GET", "/api/staff/floor", status=401)  # with the role, the open sessions went


async def test_who_comes_back_in_another_tab_gets_nowhere(office: Office, guest: Guest) -> None:
    """Otherwise a link could sign somebody in as somebody else (RFC 6749 section 10.12)."""
    one = await guest()
    begun, other = await come_back(one, office, MANAGER.subject), await one.call("POST", f"{SIGN_IN}/options")
    for change in (
        {"binding": other["binding"]},
        {"binding": ""},
        {"state": other["state"]},
        {"state": "made-up"},
        {"state": "é"},
        {"iss": "https://elsewhere.example"},
    ):
        refused = await one.call("POST", SIGN_IN, begun | change, status=409)
        assert refused["code"] == "sign_in_expired"
    await one.call("POST", SIGN_IN, begun, status=201)


async def test_state_and_code_are_good_once_and_in_time(office: Office, guest: Guest, clock: ManualClock) -> None:
    one = await guest()
    begun = await come_back(one, office, MANAGER.subject)
    await one.call("POST", SIGN_IN, begun, status=201)
    assert (await one.call("POST", SIGN_IN, begun, status=409))["code"] == "sign_in_expired"
    fresh = await come_back(one, office, MANAGER.subject)
    replayed = await one.call("POST", SIGN_IN, fresh | {"code": begun["code"]}, status=401)
    assert replayed["code"] == "head_office_refused"
    late = await come_back(one, office, MANAGER.subject)
    clock.advance(LIFE_S)
    assert (await one.call("POST", SIGN_IN, late, status=409))["code"] == "sign_in_expired"


@pytest.mark.parametrize("trouble", ["wrong_nonce", "forged", "alg_none", "hs256_public_key", "expired"])
async def test_a_word_that_does_not_hold_opens_nothing(
    store: MerchantServer, office: Office, guest: Guest, trouble: str
) -> None:
    refused = await sign_in(await guest(), office, status=401, trouble=trouble)
    assert refused["code"] == "head_office_refused"
    assert list_staff(store.database) == []


async def test_head_office_that_is_away_is_told_and_the_pin_stays(
    store: MerchantServer, office: Office, guest: Guest
) -> None:
    create_staff(store.database, "Wang", "111222")
    office.away = True
    one = await guest()
    refused = await one.call("POST", f"{SIGN_IN}/options", status=503)
    assert (refused["code"], refused["permanent"]) == ("head_office_away", False)
    await one.call("POST", "/api/staff/sessions", {"name": "Wang", "pin": "111222"}, status=201)


async def test_one_person_never_becomes_two_who_can_sign(store: MerchantServer, office: Office, guest: Guest) -> None:
    create_staff(store.database, MANAGER.name, "111222", "attendant")
    refused = await sign_in(await guest(), office, status=409)
    assert (refused["code"], refused["subject"]) == ("staff_name_taken", MANAGER.subject)
    link_member(store.database, ISSUER, MANAGER.name, MANAGER.subject)
    assert (await sign_in(await guest(), office))["role"] == "manager"
    assert len(list_staff(store.database)) == 1


async def test_two_of_one_name_at_head_office(store: MerchantServer, office: Office, guest: Guest) -> None:
    first = await sign_in(await guest(), office)
    link_member(store.database, ISSUER, MANAGER.name, "somebody-elses-number")
    await store.database.unit(
        lambda tx: tx.connection.exec_driver_sql("DELETE FROM staff_identities WHERE subject = '7c1e40'") and None
    )
    second = await sign_in(await guest(), office)
    assert (first["name"], second["name"]) == (MANAGER.name, f"{MANAGER.name} (2)")


async def test_who_was_removed_here_stays_out(store: MerchantServer, office: Office, guest: Guest) -> None:
    one = await guest()
    await sign_in(one, office, ATTENDANT.subject)
    remove_staff(store.database, ATTENDANT.name)
    await one.call("GET", "/api/staff/floor", status=401)
    assert (await sign_in(await guest(), office, ATTENDANT.subject, status=403))["code"] == "no_role_here"
    create_staff(store.database, ATTENDANT.name, "111222")
    await sign_in(await guest(), office, ATTENDANT.subject)


async def test_head_offices_people_need_no_passkey_and_no_pin(
    store: MerchantServer, office: Office, guest: Guest
) -> None:
    """A passkey of this store would go on opening it when head office has let the person go."""
    store.staff._passkey_for = store.staff_sessions.passkey_for = frozenset({"manager"})
    one = await guest()
    await sign_in(one, office)
    await one.call("GET", "/api/staff/floor")
    assert (await one.call("POST", "/api/staff/passkeys/options", status=409))["code"] == "pin_needed"
    for pin in ("", "000000"):
        body = {"name": MANAGER.name, "pin": pin}
        await (await guest()).call("POST", "/api/staff/sessions", body, status=401)


async def test_without_head_office_there_is_none(guest: Guest) -> None:
    one = await guest()
    assert (await one.call("GET", "/api/staff/sign-in"))["head_office"] is None
    assert (await one.call("POST", f"{SIGN_IN}/options", status=409))["code"] == "head_office_unused"
