"""Passkeys over HTTP, with a security key in software: added, used, refused, removed, required."""

import base64
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest
from tests.support.authenticator import USER_PRESENT, USER_VERIFIED, SecurityKey, url_safe
from tests.support.lanes import ATTENDANT, PIN, Bearer, Clients, StaffClient

from unqueue.kernel import journal
from unqueue.kernel.clock import ManualClock
from unqueue.server.app import MerchantServer
from unqueue.server.staff.credentials import PASSKEYS_MAX, PasskeysUnavailable
from unqueue.server.staff.model import ENROLMENT_S, FREE_ATTEMPTS
from unqueue.server.staff.passkeys import remove_passkeys
from unqueue.server.staff.service import create_staff, list_staff, remove_staff
from unqueue.server.staff.tickets import LIFE_S

pytestmark = pytest.mark.anyio
SIGN_IN = "/api/staff/sessions/passkey"
Guest = Callable[[], Awaitable[Bearer]]


@pytest.fixture
def guest(clients: Clients) -> Guest:
    """Somebody who has not signed in."""

    async def one() -> Bearer:
        return Bearer(await clients())

    return one


async def add(member: Bearer, key: SecurityKey, name: str = "phone", *, status: int = 201) -> Any:
    options = await member.call("POST", "/api/staff/passkeys/options")
    body = {"name": name, "answer": key.create(options)}
    return await member.call("POST", "/api/staff/passkeys", body, status=status)


async def sign_in(one: Bearer, key: SecurityKey, *, status: int = 201, **instead: str) -> Any:
    options = await one.call("POST", f"{SIGN_IN}/options")
    return await one.call("POST", SIGN_IN, key.get(options) | instead, status=status)


async def events(store: MerchantServer, prefix: str = "staff.") -> list[tuple[str, str, dict[str, Any]]]:
    found = await store.database.read(journal.read)
    return [(one.kind, one.actor, one.payload()) for one in found if one.kind.startswith(prefix)]


async def test_a_passkey_is_added_and_signs_in(store: MerchantServer, attendant: StaffClient, guest: Guest) -> None:
    key = SecurityKey()
    added = await add(attendant, key, "  My   phone ")
    assert (added["name"], added["status"], added["used_at"]) == ("My phone", "ready", None)
    one = await guest()
    session = await sign_in(one, key)
    assert (session["name"], session["role"], session["way"]) == (ATTENDANT, "attendant", "passkey")
    one.http.headers["Authorization"] = f"Bearer {session['token']}"
    await one.call("GET", "/api/staff/floor")
    now = await one.call("GET", "/api/staff/sessions/current")
    assert now == {key: session[key] for key in ("name", "role", "may", "way")}
    (listed,) = await one.call("GET", "/api/staff/passkeys")
    assert listed["used_at"] is not None
    told = await events(store)
    assert [kind for kind, _, _ in told[-2:]] == ["staff.passkey_added", "staff.signed_in"]
    assert told[-2][2] == {"passkey": added["id"], "passkey_name": "My phone"}
    assert (told[-1][2]["way"], told[-1][2]["passkey"]) == ("passkey", added["id"])


async def test_what_the_browser_is_asked_for(attendant: StaffClient, guest: Guest) -> None:
    """Discoverable, and with its user verified: one touch, and no name to type."""
    options = await attendant.call("POST", "/api/staff/passkeys/options")
    wanted = options["authenticatorSelection"]
    assert (wanted["residentKey"], wanted["userVerification"]) == ("required", "required")
    assert (options["rp"]["id"], options["attestation"], options["excludeCredentials"]) == ("store.example", "none", [])
    key = SecurityKey()
    await add(attendant, key)
    again = await attendant.call("POST", "/api/staff/passkeys/options")
    assert [one["id"] for one in again["excludeCredentials"]] == [url_safe(key.credential_id)]
    asked = await (await guest()).call("POST", f"{SIGN_IN}/options")
    assert (asked["rpId"], asked["userVerification"]) == ("store.example", "required")
    assert not asked.get("allowCredentials")


async def test_options_are_for_those_who_are_signed_in(guest: Guest) -> None:
    await (await guest()).call("POST", "/api/staff/passkeys/options", status=401)
    await (await guest()).call("GET", "/api/staff/passkeys", status=401)


async def test_a_passkey_that_is_made_elsewhere_is_not_kept(attendant: StaffClient) -> None:
    key = SecurityKey(origin="https://store.example.evil.example")
    assert (await add(attendant, key, status=401))["code"] == "passkey_refused"
    assert await attendant.call("GET", "/api/staff/passkeys") == []


async def test_an_answer_that_proves_nothing_opens_nothing(attendant: StaffClient, guest: Guest) -> None:
    key, one = SecurityKey(), await guest()
    await add(attendant, key)
    key.flags = USER_PRESENT
    assert (await sign_in(one, key, status=401))["code"] == "passkey_refused"
    key.flags |= USER_VERIFIED
    await sign_in(one, key)


async def test_an_answer_is_good_once(attendant: StaffClient, guest: Guest) -> None:
    key, one = SecurityKey(), await guest()
    await add(attendant, key)
    answer = key.get(await one.call("POST", f"{SIGN_IN}/options"))
    await one.call("POST", SIGN_IN, answer, status=201)
    assert (await one.call("POST", SIGN_IN, answer, status=409))["code"] == "sign_in_expired"


async def test_an_answer_comes_in_time(attendant: StaffClient, guest: Guest, clock: ManualClock) -> None:
    key, one = SecurityKey(), await guest()
    await add(attendant, key)
    answer = key.get(await one.call("POST", f"{SIGN_IN}/options"))
    clock.advance(LIFE_S)
    assert (await one.call("POST", SIGN_IN, answer, status=409))["code"] == "sign_in_expired"


async def test_challenges_are_ours_and_for_one_purpose(attendant: StaffClient, guest: Guest) -> None:
    key, one = SecurityKey(), await guest()
    await add(attendant, key)
    foreign = key.get({"challenge": url_safe(bytes(56))})
    assert (await one.call("POST", SIGN_IN, foreign, status=409))["code"] == "sign_in_expired"
    adding = await attendant.call("POST", "/api/staff/passkeys/options")
    assert (await one.call("POST", SIGN_IN, key.get(adding), status=409))["code"] == "sign_in_expired"


async def test_a_challenge_of_one_member_is_none_of_another(
    store: MerchantServer, attendant: StaffClient, guest: Guest
) -> None:
    create_staff(store.database, "Wang", "111222")
    other = await guest()
    session = await other.call("POST", "/api/staff/sessions", {"name": "Wang", "pin": "111222"})
    other.http.headers["Authorization"] = f"Bearer {session['token']}"
    options = await attendant.call("POST", "/api/staff/passkeys/options")
    body = {"name": "x", "answer": SecurityKey().create(options)}
    assert (await other.call("POST", "/api/staff/passkeys", body, status=409))["code"] == "sign_in_expired"


async def test_a_counter_that_goes_back_switches_the_passkey_off(
    store: MerchantServer, attendant: StaffClient, guest: Guest
) -> None:
    key, one = SecurityKey(), await guest()
    await add(attendant, key)
    await sign_in(one, key)
    await sign_in(one, key)
    key.count = 0
    assert (await sign_in(one, key, status=401))["code"] == "passkey_copied"
    key.count = 10
    assert (await sign_in(one, key, status=401))["code"] == "passkey_copied"
    (listed,) = await attendant.call("GET", "/api/staff/passkeys")
    assert listed["status"] == "off"
    assert "staff.passkey_copied" in [kind for kind, _, _ in await events(store)]


async def test_a_passkey_that_does_not_count_signs_in_again_and_again(attendant: StaffClient, guest: Guest) -> None:
    key, one = SecurityKey(), await guest()
    key.step = 0
    await add(attendant, key)
    await sign_in(one, key)
    await sign_in(one, key)


async def test_failing_pauses_the_passkey_and_not_the_pin(
    attendant: StaffClient, guest: Guest, clock: ManualClock
) -> None:
    key, one = SecurityKey(), await guest()
    await add(attendant, key)
    for _ in range(FREE_ATTEMPTS):
        await sign_in(one, key, status=401, signature=url_safe(b"x" * 70))
    assert (await sign_in(one, key, status=429))["retry_after_s"] == 60
    await one.call("POST", "/api/staff/sessions", {"name": ATTENDANT, "pin": PIN}, status=201)
    clock.advance(60)
    await sign_in(one, key)
    for _ in range(FREE_ATTEMPTS):
        await one.call("POST", "/api/staff/sessions", {"name": ATTENDANT, "pin": "000000"}, status=401)
    await sign_in(one, key)


async def test_removing_one_ends_it_and_the_other_sessions(
    store: MerchantServer, attendant: StaffClient, guest: Guest
) -> None:
    key, one = SecurityKey(), await guest()
    added = await add(attendant, key)
    session = await sign_in(one, key)
    one.http.headers["Authorization"] = f"Bearer {session['token']}"
    await attendant.call("DELETE", f"/api/staff/passkeys/{added['id']}", status=204)
    await one.call("GET", "/api/staff/floor", status=401)
    await attendant.call("GET", "/api/staff/floor")
    assert (await sign_in(one, key, status=401))["code"] == "passkey_unknown"
    await attendant.call("DELETE", f"/api/staff/passkeys/{added['id']}", status=404)
    assert (await events(store))[-1][0] == "staff.passkey_removed"


async def test_nobody_removes_anothers(store: MerchantServer, attendant: StaffClient, guest: Guest) -> None:
    added = await add(attendant, SecurityKey())
    create_staff(store.database, "Wang", "111222", "manager")
    other = await guest()
    session = await other.call("POST", "/api/staff/sessions", {"name": "Wang", "pin": "111222"})
    other.http.headers["Authorization"] = f"Bearer {session['token']}"
    await other.call("DELETE", f"/api/staff/passkeys/{added['id']}", status=404)
    assert await other.call("GET", "/api/staff/passkeys") == []


async def test_the_same_passkey_twice_and_too_many(attendant: StaffClient) -> None:
    key = SecurityKey()
    await add(attendant, key)
    assert (await add(attendant, key, status=409))["code"] == "passkey_taken"
    for _ in range(PASSKEYS_MAX - 1):
        await add(attendant, SecurityKey())
    refused = await attendant.call("POST", "/api/staff/passkeys/options", status=409)
    assert (refused["code"], refused["most"]) == ("too_many_passkeys", PASSKEYS_MAX)


async def test_who_leaves_keeps_no_way_in(store: MerchantServer, attendant: StaffClient, guest: Guest) -> None:
    key, one = SecurityKey(), await guest()
    await add(attendant, key)
    remove_staff(store.database, ATTENDANT)
    await attendant.call("GET", "/api/staff/floor", status=401)
    await sign_in(one, key, status=401)
    await one.call("POST", "/api/staff/sessions", {"name": ATTENDANT, "pin": PIN}, status=401)
    assert list_staff(store.database) == []
    create_staff(store.database, ATTENDANT, PIN)
    await sign_in(one, key, status=401)
    await one.call("POST", "/api/staff/sessions", {"name": ATTENDANT, "pin": PIN}, status=201)


async def test_it_forgets_the_passkeys_of_a_lost_phone(
    store: MerchantServer, attendant: StaffClient, guest: Guest
) -> None:
    key, one = SecurityKey(), await guest()
    await add(attendant, key)
    assert remove_passkeys(store.database, ATTENDANT) == 1
    await attendant.call("GET", "/api/staff/floor", status=401)
    await sign_in(one, key, status=401)


async def test_strangers_fill_no_memory(store: MerchantServer, guest: Guest) -> None:
    one = await guest()
    assert (await sign_in(one, SecurityKey(), status=401))["code"] == "passkey_unknown"
    assert not store.passkeys._tickets._used


@pytest.mark.parametrize("body", [{}, {"client_data": "e30"}, {"client_data": "bm8"}, {"client_data": "!"}])
async def test_what_is_no_answer_is_refused(attendant: StaffClient, guest: Guest, body: dict[str, str]) -> None:
    key, one = SecurityKey(), await guest()
    await add(attendant, key)
    answer = key.get(await one.call("POST", f"{SIGN_IN}/options"))
    refused = await one.call("POST", SIGN_IN, {**answer, **body} if body else {}, status=401 if body else 400)
    assert refused["code"] == ("passkey_refused" if body else "invalid_request")


async def test_bytes_that_are_no_webauthn_are_refused(attendant: StaffClient, guest: Guest) -> None:
    """Cut and bent at each place, an answer is refused as one, and never an error of ours."""
    key, one = SecurityKey(), await guest()
    for cut in (0, 1, 36, 37, 54, 60, 90, 120):
        options = await attendant.call("POST", "/api/staff/passkeys/options")
        made = key.create(options)
        raw = base64.urlsafe_b64decode(made["attestation"] + "==")
        body = {"name": "x", "answer": made | {"attestation": url_safe(raw[:cut])}}
        await attendant.call("POST", "/api/staff/passkeys", body, status=401)
    await add(attendant, key)
    for cut in (0, 1, 31, 36):
        bent = base64.urlsafe_b64decode(key.get({"challenge": ""})["authenticator_data"] + "==")[:cut]
        await sign_in(one, key, status=401, authenticator_data=url_safe(bent))


async def test_no_passkeys_at_an_address_without_a_name(store: MerchantServer, guest: Guest) -> None:
    shown = await (await guest()).call("GET", "/api/staff/sign-in")
    assert shown == {"passkey_origin": "https://store.example", "head_office": None}
    numbered = msgspec.structs.replace(store.settings.store, public_url="https://192.168.1.7")
    other = MerchantServer(msgspec.structs.replace(store.settings, store=numbered))
    assert other.sign_in_ways().passkey_origin is None
    with pytest.raises(PasskeysUnavailable):
        other.passkeys.signing_options()
    other.database.dispose()


@pytest.fixture
def strict(store: MerchantServer) -> MerchantServer:
    """A store where managers need a passkey, and its manager."""
    store.staff._passkey_for = store.staff_sessions.passkey_for = frozenset({"manager"})
    create_staff(store.database, "Wang", "111222", "manager")
    return store


async def test_where_the_role_asks_for_one_a_pin_lets_add_the_first_and_nothing_else(
    strict: MerchantServer, guest: Guest, attendant: StaffClient
) -> None:
    assert strict
    assert attendant  # others go on signing in by PIN
    key, one = SecurityKey(), await guest()
    by_pin = {"name": "Wang", "pin": "111222"}
    session = await one.call("POST", "/api/staff/sessions", by_pin, status=201)
    assert (session["way"], session["may"], session["token"][:2]) == ("enrolment", [], "e_")
    one.http.headers["Authorization"] = f"Bearer {session['token']}"
    assert (await one.call("GET", "/api/staff/sessions/current"))["way"] == "enrolment"
    for path in ("/api/staff/floor", "/api/staff/passkeys", "/api/desk/returns", "/api/orders/x"):
        await one.call("GET", path, status=404)
    await add(one, key)
    await one.call("GET", "/api/staff/sessions/current", status=401)
    other = await guest()
    assert (await other.call("POST", "/api/staff/sessions", by_pin, status=403))["code"] == "passkey_needed"
    session = await sign_in(other, key)
    other.http.headers["Authorization"] = f"Bearer {session['token']}"
    await other.call("GET", "/api/staff/floor")


async def test_two_who_know_the_pin_cannot_both_add_the_first(strict: MerchantServer, guest: Guest) -> None:
    assert strict
    one, other = await guest(), await guest()
    for client in (one, other):
        session = await client.call("POST", "/api/staff/sessions", {"name": "Wang", "pin": "111222"})
        client.http.headers["Authorization"] = f"Bearer {session['token']}"
    options = await other.call("POST", "/api/staff/passkeys/options")
    await add(one, SecurityKey())
    late = {"name": "x", "answer": SecurityKey().create(options)}
    await other.call("POST", "/api/staff/passkeys", late, status=401)


async def test_an_enrolment_is_short_and_signing_out_ends_it(
    strict: MerchantServer, guest: Guest, clock: ManualClock
) -> None:
    assert strict
    for _ in range(2):
        one = await guest()
        session = await one.call("POST", "/api/staff/sessions", {"name": "Wang", "pin": "111222"})
        one.http.headers["Authorization"] = f"Bearer {session['token']}"
        await one.call("DELETE", "/api/staff/sessions/current", status=204)
        await one.call("POST", "/api/staff/passkeys/options", status=401)
    session = await one.call("POST", "/api/staff/sessions", {"name": "Wang", "pin": "111222"})
    one.http.headers["Authorization"] = f"Bearer {session['token']}"
    clock.advance(ENROLMENT_S)
    await one.call("POST", "/api/staff/passkeys/options", status=401)


async def test_a_session_by_pin_ends_when_the_role_begins_to_ask(store: MerchantServer, attendant: StaffClient) -> None:
    store.staff_sessions.passkey_for = frozenset({"attendant"})
    await attendant.call("GET", "/api/staff/floor", status=401)
