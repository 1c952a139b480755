"""Sessions of staff: how each way of signing in begins one, and who bears its token."""

import msgspec
from sqlalchemy import Connection

from unqueue.kernel.clock import micros
from unqueue.kernel.database import Database, Transaction
from unqueue.kernel.errors import NotAuthenticated
from unqueue.server.access import May, Principal, issue_token
from unqueue.server.staff import store
from unqueue.server.staff.model import ENROLMENT_S, SESSION_S, Member, Role, Way


class Session(msgspec.Struct, frozen=True):
    """A session that began. The token is shown once; ``may`` is what the console offers.

    ``way`` is how it began; an ``enrolment`` may nothing but add the member's first passkey.
    """

    token: str
    name: str
    role: Role
    may: list[May]
    way: Way


class SessionView(msgspec.Struct, frozen=True):
    """A session that lasts: who is signed in, how, and what that person may do now."""

    name: str
    role: Role
    may: list[May]
    way: Way


class Sessions:
    """The sessions of the store's staff. For the roles of ``passkey_for`` none begins by PIN alone."""

    def __init__(self, database: Database, *, passkey_for: frozenset[Role]) -> None:
        self._database = database
        self.passkey_for = passkey_for

    def principal(self, connection: Connection, token_hash: str) -> Principal | None:
        """Who bears a session's token, while the session lasts; nobody for an enrolment's."""
        found = self._lasting(connection, token_hash)
        return principal_of(found[0]) if found is not None and found[1] != "enrolment" else None

    def enrolment(self, connection: Connection, token_hash: str) -> Principal | None:
        """Who may add a first passkey with this token."""
        found = self._lasting(connection, token_hash)
        if found is None or found[1] != "enrolment":
            return None
        return Principal("enrolment", found[0].staff_id, found[0].name, found[0].role)

    async def view(self, token_hash: str) -> SessionView:
        """A session by its token's hash. NotAuthenticated when it is over."""
        found = await self._database.read(lambda connection: self._lasting(connection, token_hash))
        if found is None:
            raise NotAuthenticated
        member, way = found
        return SessionView(member.name, member.role, _may(member, way), way)

    def _lasting(self, connection: Connection, token_hash: str) -> tuple[Member, Way] | None:
        found = store.by_session(connection, token_hash, micros(self._database.clock.now()))
        if found is None or found[0].is_removed:
            return None
        member, way = found
        return None if way == "pin" and member.role in self.passkey_for else found

    async def end(self, staff: Principal, token_hash: str) -> None:
        """End the session of a token."""
        actor = f"staff:{staff.id}"

        def write(tx: Transaction) -> None:
            store.end_session(tx, token_hash)
            tx.record("staff.signed_out", actor, actor, {"name": staff.name})

        await self._database.unit(write)


def begin(tx: Transaction, member: Member, way: Way, **about: str) -> Session:
    """Begin a session of a member who has proved to be that member; ``about`` goes into the journal, too."""
    token, hashed = issue_token("enrolment" if way == "enrolment" else "staff")
    lasts_s = ENROLMENT_S if way == "enrolment" else SESSION_S
    store.begin_session(tx, hashed, member.staff_id, way, tx.at_us + lasts_s * 1_000_000)
    actor = f"staff:{member.staff_id}"
    tx.record("staff.signed_in", actor, actor, {"name": member.name, "role": member.role, "way": way, **about})
    return Session(token, member.name, member.role, _may(member, way), way)


def principal_of(member: Member) -> Principal:
    return Principal("staff", member.staff_id, member.name, member.role, member.may)


def _may(member: Member, way: Way) -> list[May]:
    return [] if way == "enrolment" else sorted(member.may)
