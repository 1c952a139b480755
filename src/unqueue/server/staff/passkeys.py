"""The use cases of passkeys: add, name, remove, sign in. docs/decisions/0018-passkeys-and-head-office.md"""

import hashlib
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
from sqlalchemy import Connection

from unqueue.kernel.clock import from_micros, micros
from unqueue.kernel.database import Database, Transaction
from unqueue.kernel.errors import NotAuthenticated, NotFound
from unqueue.kernel.ids import new_id
from unqueue.server.access import Principal
from unqueue.server.staff import passkey_store, store
from unqueue.server.staff.credentials import (
    PASSKEYS_MAX,
    Passkey,
    PasskeyCopied,
    PasskeyRefused,
    PasskeysUnavailable,
    PasskeyTaken,
    PasskeyUnknown,
    PinNeeded,
    TooManyPasskeys,
)
from unqueue.server.staff.model import Member, NoSuchMember, normal_name
from unqueue.server.staff.sessions import Session, begin
from unqueue.server.staff.tickets import Tickets, from_url_safe
from unqueue.server.staff.webauthn import Assertion, Creation, RelyingParty, challenge_of

T = TypeVar("T")
_ADDING, _SIGNING_IN = "passkey.add", "passkey.sign_in"


class PasskeyView(msgspec.Struct, frozen=True):
    """A passkey as its owner sees it. ``status`` ``off``: it may have been copied, and opens nothing any more."""

    id: str
    name: str
    status: str
    added_at: str
    used_at: str | None


class Passkeys:
    """The passkeys of the store's staff; without a ``party``, at an address where browsers make none, no passkeys."""

    def __init__(self, database: Database, party: RelyingParty | None, tickets: Tickets) -> None:
        self._database = database
        self._optional_party = party
        self._tickets = tickets

    @property
    def are_possible(self) -> bool:
        return self._optional_party is not None

    @property
    def _party(self) -> RelyingParty:
        if self._optional_party is None:
            raise PasskeysUnavailable
        return self._optional_party

    async def adding_options(self, staff: Principal) -> dict[str, Any]:
        """What the browser needs to make a passkey. PasskeysUnavailable, PinNeeded, TooManyPasskeys."""
        party = self._party

        def read(connection: Connection) -> list[Passkey]:
            _check_may_add(connection, staff)
            return passkey_store.of_member(connection, staff.id)

        known = await self._database.read(read)
        ticket = self._tickets.issue(_ADDING, staff.id)
        return party.creation_options(
            ticket, user_id=staff.id, user_name=staff.name, known=[one.credential for one in known]
        )

    async def add(self, staff: Principal, name: str, answer: Creation) -> PasskeyView:
        """Keep a new passkey of somebody who is signed in. TicketSpent, PasskeyRefused, PasskeyTaken, NameInvalid.

        Whoever came to add the first one, because the role asks for it, then signs in with it.
        """
        plain, party = normal_name(name), self._party
        self._tickets.spend(challenge_of(answer.client_data), _ADDING, staff.id)
        made = party.check_creation(answer)
        hashed = hashlib.sha256(made.credential_id).hexdigest()

        def write(tx: Transaction) -> Passkey:
            _check_may_add(tx.connection, staff)
            if passkey_store.by_credential(tx.connection, hashed) is not None:
                raise PasskeyTaken
            passkey = Passkey(new_id(), staff.id, plain, hashed, made.credential, made.sign_count, tx.at_us)
            passkey_store.add(tx, passkey)
            _record(tx, "staff.passkey_added", passkey, f"staff:{staff.id}")
            if staff.kind == "enrolment":
                store.end_sessions_of(tx, staff.id)
            return passkey

        return _view(await self._database.unit(write))

    async def list(self, staff: Principal) -> "list[PasskeyView]":
        """The passkeys of who is signed in, the oldest first."""
        found = await self._database.read(lambda connection: passkey_store.of_member(connection, staff.id))
        return [_view(passkey) for passkey in found]

    async def remove(self, staff: Principal, passkey_id: str, token_hash: str) -> None:
        """Forget one of one's own, and end all other sessions: it may be in others' hands. NotFound."""

        def write(tx: Transaction) -> None:
            found = [one for one in passkey_store.of_member(tx.connection, staff.id) if one.passkey_id == passkey_id]
            if not found:
                raise NotFound
            _remove(tx, found[0], staff.actor)
            store.end_sessions_of(tx, staff.id, but=token_hash)

        await self._database.unit(write)

    def signing_options(self) -> dict[str, Any]:
        """What the browser needs to sign in with whichever passkey of this store it has. PasskeysUnavailable."""
        party = self._party
        return party.request_options(self._tickets.issue(_SIGNING_IN))

    async def sign_in(self, answer: Assertion) -> Session:
        """Begin a session by a passkey. TicketSpent, PasskeyUnknown, PasskeyRefused, PasskeyCopied, TooManyAttempts."""
        return await self._prove(
            answer, lambda tx, member, passkey: begin(tx, member, "passkey", passkey=passkey.passkey_id)
        )

    async def _prove(self, answer: Assertion, then: Callable[[Transaction, Member, Passkey], T]) -> T:
        """``then``, once an answer proves a passkey."""
        party = self._party
        hashed = _credential_hash(answer.credential_id)
        passkey = await self._database.read(lambda connection: passkey_store.by_credential(connection, hashed))
        if passkey is None:  # before the ticket is taken: strangers must not fill the memory of used ones
            raise PasskeyUnknown
        self._tickets.spend(challenge_of(answer.client_data), _SIGNING_IN)
        passkey.check_pause(micros(self._database.clock.now()))
        try:
            sign_count = party.check_assertion(answer, passkey.credential, passkey.staff_id)
        except PasskeyRefused:
            await self._database.unit(lambda tx: _failed(tx, hashed))
            raise

        def write(tx: Transaction) -> T | None:
            known = passkey_store.by_credential(tx.connection, hashed)
            member = store.by_id(tx.connection, passkey.staff_id)
            if known is None or member is None or member.is_removed:
                raise PasskeyUnknown
            if known.is_off:
                return None
            if not known.counts_on(sign_count):
                passkey_store.save(tx, msgspec.structs.replace(known, is_off=True))
                _record(tx, "staff.passkey_copied", known, "system")
                return None
            used = known.used(sign_count, tx.at_us)
            passkey_store.save(tx, used)
            return then(tx, member, used)

        done = await self._database.unit(write)
        if done is None:
            raise PasskeyCopied
        return done


def remove_passkeys(database: Database, name: str) -> int:
    """Forget all passkeys of a member whose phone was lost, and end all sessions; how many. NoSuchMember."""

    def write(tx: Transaction) -> int:
        member = store.by_name(tx.connection, " ".join(name.split()))
        if member is None or member.is_removed:
            raise NoSuchMember(name=name)
        store.end_sessions_of(tx, member.staff_id)
        return forget_all(tx, member.staff_id)

    return database.write_now(write)


def list_passkeys(database: Database) -> dict[str, int]:
    """How many passkeys each member has, by the member's id."""
    return database.read_now(passkey_store.counts)


def forget_all(tx: Transaction, staff_id: str) -> int:
    """Forget all passkeys of a member; how many there were."""
    found = passkey_store.of_member(tx.connection, staff_id)
    for passkey in found:
        _remove(tx, passkey, "system")
    return len(found)


def _check_may_add(connection: Connection, staff: Principal) -> None:
    member = store.by_id(connection, staff.id)
    if member is None or member.is_removed:
        raise NotAuthenticated
    if not member.knows_pin:
        raise PinNeeded
    count = passkey_store.count_of(connection, staff.id)
    if staff.kind == "enrolment" and count:  # it was added elsewhere meanwhile: now that one is the way in
        raise NotAuthenticated
    if count >= PASSKEYS_MAX:
        raise TooManyPasskeys(most=PASSKEYS_MAX)


def _failed(tx: Transaction, credential_hash: str) -> None:
    known = passkey_store.by_credential(tx.connection, credential_hash)
    if known is None:
        return
    counted = known.failed(tx.at_us)
    passkey_store.save(tx, counted)
    if counted.locked_until_us > tx.at_us:
        _record(tx, "staff.passkey_paused", counted, "system")


def _remove(tx: Transaction, passkey: Passkey, actor: str) -> None:
    passkey_store.remove(tx, passkey.passkey_id)
    _record(tx, "staff.passkey_removed", passkey, actor)


def _record(tx: Transaction, kind: str, passkey: Passkey, actor: str) -> None:
    tx.record(kind, f"staff:{passkey.staff_id}", actor, {"passkey": passkey.passkey_id, "passkey_name": passkey.name})


def _credential_hash(text: str) -> str:
    try:
        return hashlib.sha256(from_url_safe(text)).hexdigest()
    except ValueError as error:
        raise PasskeyUnknown from error


def _view(passkey: Passkey) -> PasskeyView:
    used_at = from_micros(passkey.used_us).isoformat() if passkey.used_us is not None else None
    return PasskeyView(
        passkey.passkey_id,
        passkey.name,
        "off" if passkey.is_off else "ready",
        from_micros(passkey.added_us).isoformat(),
        used_at,
    )
