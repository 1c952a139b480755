"""The use cases of staff: sign in by PIN, sign as the second person, take a member in, and let one go."""

import asyncio
import hashlib
import secrets
from collections import OrderedDict

import msgspec

from unqueue.kernel.clock import micros
from unqueue.kernel.database import Database, Transaction
from unqueue.kernel.ids import new_id
from unqueue.server.access import Principal
from unqueue.server.staff import passkey_store, store
from unqueue.server.staff.credentials import PasskeyNeeded, standing
from unqueue.server.staff.model import (
    Member,
    NoSuchMember,
    Role,
    SignatureWrong,
    SignInFailed,
    check_pin,
    hash_pin,
    normal_name,
)
from unqueue.server.staff.passkeys import forget_all
from unqueue.server.staff.sessions import Session, begin, principal_of

_HASHES_AT_ONCE = 2
_STRANGERS_MAX = 40_000
_STRANGER = Member("", "", "attendant", b"", b"")


class Staff:
    """The store's staff, and their PINs. For the roles of ``passkey_for`` a PIN alone is no way in."""

    def __init__(self, database: Database, *, passkey_for: frozenset[Role] = frozenset()) -> None:
        self._database = database
        self._passkey_for = passkey_for
        # Names that were tried and that nobody has. They pause like those of staff: a pause must not tell who works
        # here. The one tried longest ago is forgotten first: after a quarter of an hour of guessing as fast as we hash.
        self._strangers: OrderedDict[bytes, Member] = OrderedDict()
        self._hashing = asyncio.Semaphore(_HASHES_AT_ONCE)  # a guesser must not take all cores

    async def sign_in(self, name: str, pin: str) -> Session:
        """Begin a session. SignInFailed for a wrong name or PIN, TooManyAttempts after some of them.

        Where the role asks for a passkey: PasskeyNeeded, or a session that may add the first one, and nothing else.
        The attempt is counted before its PIN is looked at, so that many at once gain nothing.
        """
        member = await self._identify(name, pin)

        def write(tx: Transaction) -> Session | None:
            now = _unchanged(tx, member)
            store.save(tx, now.signed_in())
            passkeys = passkey_store.count_of(tx.connection, now.staff_id)
            match standing(now, passkeys, self._passkey_for):
                case "needed":
                    return None
                case "add_first":
                    return begin(tx, now, "enrolment")
                case None:
                    return begin(tx, now, "pin")

        session = await self._database.unit(write)
        if session is None:
            raise PasskeyNeeded
        return session

    async def countersign(self, name: str, pin: str) -> Principal:
        """Who signs as a second person, without a session. SignatureWrong, TooManyAttempts.

        That it is another person than the first, and one who may, is for the use case to see to.
        """
        try:
            member = await self._identify(name, pin)
        except SignInFailed as error:
            raise SignatureWrong from error

        def sign(tx: Transaction) -> Principal:
            now = _unchanged(tx, member)
            store.save(tx, now.signed_in())
            return principal_of(now)

        try:
            return await self._database.unit(sign)
        except SignInFailed as error:
            raise SignatureWrong from error

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
            kept = known.role if not known.is_removed else fresh.role
            member = msgspec.structs.replace(fresh, staff_id=known.staff_id, role=role or kept)
        store.save(tx, member)
        store.end_sessions_of(tx, member.staff_id)
        tx.record(
            "staff.created" if known is None or known.is_removed else "staff.changed",
            f"staff:{member.staff_id}",
            "system",
            {"name": plain, "role": member.role},
        )
        return member.staff_id

    return database.write_now(write)


def remove_staff(database: Database, name: str) -> None:
    """Let a member go: no way of signing in is left, and all sessions end. NoSuchMember.

    The name stays, under what this person decided; taken in again, it is the same person.
    """

    def write(tx: Transaction) -> None:
        member = store.by_name(tx.connection, " ".join(name.split()))
        if member is None or member.is_removed:
            raise NoSuchMember(name=name)
        store.save(tx, msgspec.structs.replace(member, pin_salt=b"", pin_hash=b"", is_removed=True))
        store.end_sessions_of(tx, member.staff_id)
        forget_all(tx, member.staff_id)
        tx.record("staff.removed", f"staff:{member.staff_id}", "system", {"name": member.name, "role": member.role})

    database.write_now(write)


def list_staff(database: Database) -> list[Member]:
    """All members of staff, by name."""
    return database.read_now(store.everybody)


def _unchanged(tx: Transaction, member: Member) -> Member:
    """The member as written down now. SignInFailed where the PIN was changed this very moment."""
    now = store.by_name(tx.connection, member.name)
    if now is None or now.is_removed or now.pin_hash != member.pin_hash:
        raise SignInFailed
    return now


def _attempt(tx: Transaction, name: str) -> Member | None:
    member = store.by_name(tx.connection, name)
    if member is None or not member.knows_pin:
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
