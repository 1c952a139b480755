"""The use cases of staff: sign in and out, take a member in."""

import asyncio
import hashlib
import secrets
from collections import OrderedDict

import msgspec
from sqlalchemy import Connection

from unqueue.kernel.clock import micros
from unqueue.kernel.database import Database, Transaction
from unqueue.kernel.ids import new_id
from unqueue.server.access import May, Principal, issue_token
from unqueue.server.staff import store
from unqueue.server.staff.model import (
    SESSION_S,
    Member,
    Role,
    SignatureWrong,
    SignInFailed,
    check_pin,
    hash_pin,
    normal_name,
)

_HASHES_AT_ONCE = 2
_STRANGERS_MAX = 40_000
_STRANGER = Member("", "", "attendant", b"", b"")


class Session(msgspec.Struct, frozen=True):
    """A session that began. The token is shown once; ``may`` is what the console offers."""

    token: str
    name: str
    role: Role
    may: list[May]


class SessionView(msgspec.Struct, frozen=True):
    """A session that lasts: who is signed in, and what that person may do now."""

    name: str
    role: str
    may: list[May]


class Staff:
    """The store's staff."""

    def __init__(self, database: Database) -> None:
        self._database = database
        # Names that were tried and that nobody has. They pause like those of staff: a pause must not tell who works
        # here. The one tried longest ago is forgotten first: after a quarter of an hour of guessing as fast as we hash.
        self._strangers: OrderedDict[bytes, Member] = OrderedDict()
        self._hashing = asyncio.Semaphore(_HASHES_AT_ONCE)  # a guesser must not take all cores

    def principal(self, connection: Connection, token_hash: str) -> Principal | None:
        """Who bears a session's token, while the session lasts."""
        member = store.by_session(connection, token_hash, micros(self._database.clock.now()))
        return _principal(member) if member is not None else None

    async def sign_in(self, name: str, pin: str) -> Session:
        """Begin a session. SignInFailed for a wrong name or PIN, TooManyAttempts after some of them.

        The attempt is counted before its PIN is looked at, so that many at once gain nothing.
        """
        member = await self._identify(name, pin)
        token, hashed = issue_token("staff")

        def begin(tx: Transaction) -> None:
            now = store.by_name(tx.connection, member.name)
            if now is None or now.pin_hash != member.pin_hash:  # the PIN was changed this very moment
                raise SignInFailed
            store.save(tx, now.signed_in())
            store.begin_session(tx, hashed, member.staff_id, tx.at_us + SESSION_S * 1_000_000)
            actor = f"staff:{member.staff_id}"
            tx.record("staff.signed_in", actor, actor, {"name": member.name, "role": member.role})

        await self._database.unit(begin)
        return Session(token, member.name, member.role, sorted(member.may))

    async def countersign(self, name: str, pin: str) -> Principal:
        """Who signs as a second person, without a session. SignatureWrong, TooManyAttempts.

        That it is another person than the first, and one who may, is for the use case to see to.
        """
        try:
            member = await self._identify(name, pin)
        except SignInFailed as error:
            raise SignatureWrong from error

        def sign(tx: Transaction) -> Principal:
            now = store.by_name(tx.connection, member.name)
            if now is None or now.pin_hash != member.pin_hash:
                raise SignatureWrong
            store.save(tx, now.signed_in())
            return _principal(now)

        return await self._database.unit(sign)

    async def _identify(self, name: str, pin: str) -> Member:
        """Whose name and PIN these are. The attempt is counted first. SignInFailed, TooManyAttempts."""
        plain = " ".join(name.split())
        member = await self._database.unit(lambda tx: _attempt(tx, plain))
        if member is None:
            self._attempt_of_stranger(plain)
        async with self._hashing:
            is_right = await asyncio.to_thread(_has_pin, member, pin)
        if member is None or not is_right:
            raise SignInFailed
        return member

    def _attempt_of_stranger(self, name: str) -> None:
        """Count an attempt under a name that nobody has; TooManyAttempts while it is paused."""
        key = hashlib.sha256(name.encode(errors="replace")).digest()  # however long the name is
        stranger = self._strangers.get(key, _STRANGER).attempted(micros(self._database.clock.now()))
        self._strangers[key] = stranger
        self._strangers.move_to_end(key)
        while len(self._strangers) > _STRANGERS_MAX:
            self._strangers.popitem(last=False)

    async def sign_out(self, staff: Principal, token_hash: str) -> None:
        """End the session of a token."""

        def end(tx: Transaction) -> None:
            store.end_session(tx, token_hash)
            tx.record("staff.signed_out", staff.actor, staff.actor, {"name": staff.name})

        await self._database.unit(end)


def create_staff(database: Database, name: str, pin: str, role: Role | None = None) -> str:
    """Take a member of staff in, or give one a new PIN and role; the member's id. PinInvalid, NameInvalid.

    Without a role a known member keeps the own, a new one is an attendant.
    """
    plain = normal_name(name)
    check_pin(pin)
    salt = secrets.token_bytes(16)
    fresh = Member(new_id(), plain, role or "attendant", salt, hash_pin(pin, salt))

    def write(tx: Transaction) -> str:
        known = store.by_name(tx.connection, plain)
        member = fresh
        if known is not None:
            member = msgspec.structs.replace(fresh, staff_id=known.staff_id, role=role or known.role)
        store.save(tx, member)
        store.end_sessions_of(tx, member.staff_id)
        tx.record(
            "staff.created" if known is None else "staff.changed",
            f"staff:{member.staff_id}",
            "system",
            {"name": plain, "role": member.role},
        )
        return member.staff_id

    return database.write_now(write)


def list_staff(database: Database) -> list[Member]:
    """All members of staff, by name."""
    return database.read_now(store.everybody)


def _principal(member: Member) -> Principal:
    return Principal("staff", member.staff_id, member.name, member.role, member.may)


def _attempt(tx: Transaction, name: str) -> Member | None:
    member = store.by_name(tx.connection, name)
    if member is None:
        return None
    counted = member.attempted(tx.at_us)
    store.save(tx, counted)
    if counted.locked_until_us > tx.at_us:
        actor = f"staff:{member.staff_id}"
        tx.record("staff.paused", actor, "system", {"name": name, "attempts": counted.attempts})
    return counted


def _has_pin(member: Member | None, pin: str) -> bool:
    """Takes the same time whether there is such a member or not."""
    if member is None:
        hash_pin(pin, bytes(16))
        return False
    return member.has_pin(pin)
