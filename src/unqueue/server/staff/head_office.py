"""The use cases of signing in through head office. docs/decisions/0018-passkeys-and-head-office.md"""

import itertools
from collections.abc import Mapping

import msgspec

from unqueue.kernel.database import Database, Transaction
from unqueue.kernel.ids import new_id, same_secret
from unqueue.providers.oidc.client import OidcClient
from unqueue.providers.oidc.id_token import Person
from unqueue.server.staff import identity_store, store
from unqueue.server.staff.model import Member, NoSuchMember, Role
from unqueue.server.staff.sessions import Session, begin
from unqueue.server.staff.tickets import Tickets, TicketSpent, from_url_safe, url_safe
from unqueue.server.staff.vouching import HeadOfficeUnused, NameTaken, NoRoleHere, names_for, role_from

_PURPOSE = "head_office"
_SUBJECT_CHARS_MAX = 255
_ACTOR = "head-office"


class Leaving(msgspec.Struct, frozen=True):
    """Where the browser goes. ``binding`` stays with the tab that began: without it, what comes back opens nothing."""

    url: str
    state: str
    binding: str


class Returned(msgspec.Struct, frozen=True):
    """What the browser came back with, and what its tab has kept. ``iss`` where the provider sent it (RFC 9207)."""

    code: str
    state: str
    binding: str
    iss: str = ""


class HeadOffice:
    """Sign-in through head office's OpenID provider; without a ``client`` there is none."""

    def __init__(
        self,
        database: Database,
        client: OidcClient | None,
        tickets: Tickets,
        *,
        roles: Mapping[str, Role],
        role_claim: str,
        name_claim: str,
    ) -> None:
        self._database = database
        self._optional_client = client
        self._tickets = tickets
        self._roles = roles
        self._role_claim = role_claim
        self._name_claim = name_claim

    @property
    def _client(self) -> OidcClient:
        if self._optional_client is None:
            raise HeadOfficeUnused
        return self._optional_client

    async def leaving(self) -> Leaving:
        """Begin: where the browser goes. HeadOfficeUnused, HeadOfficeAway.

        Nothing is kept here: the state is a ticket, and nonce and verifier are made from it by our own secret.
        """
        client, ticket = self._client, self._tickets.issue(_PURPOSE)
        nonce, verifier = self._tickets.secret(ticket, "nonce"), self._tickets.secret(ticket, "verifier")
        url = await client.authorization_url(state=url_safe(ticket), nonce=nonce, verifier=verifier)
        return Leaving(url, url_safe(ticket), self._tickets.secret(ticket, "binding"))

    async def sign_in(self, returned: Returned) -> Session:
        """Finish: a session, once head office vouches for somebody who has a role here.

        TicketSpent, HeadOfficeRefused, HeadOfficeAway, NoRoleHere, NameTaken.
        """
        client = self._client
        try:
            ticket = from_url_safe(returned.state)
        except ValueError as error:
            raise TicketSpent from error
        is_of_this_tab = same_secret(returned.binding, self._tickets.secret(ticket, "binding"))
        is_of_this_provider = not returned.iss or returned.iss.removesuffix("/") == client.issuer
        if not is_of_this_tab or not is_of_this_provider:
            raise TicketSpent
        self._tickets.spend(ticket, _PURPOSE)
        nonce, verifier = self._tickets.secret(ticket, "nonce"), self._tickets.secret(ticket, "verifier")
        person = await client.person(returned.code, nonce=nonce, verifier=verifier)
        answer = await self._database.unit(lambda tx: self._let_in(tx, client.issuer, person))
        if isinstance(answer, Session):
            return answer
        raise answer

    def _let_in(self, tx: Transaction, issuer: str, person: Person) -> Session | NoRoleHere | NameTaken:
        """The session, or why not: a refusal is written down, too."""
        role = role_from(person.texts(self._role_claim), self._roles)
        told = person.texts(self._name_claim)
        staff_id = identity_store.member_of(tx.connection, issuer, person.subject)
        member = store.by_id(tx.connection, staff_id) if staff_id is not None else None
        if role is None or len(person.subject) > _SUBJECT_CHARS_MAX or (member is not None and member.is_removed):
            return self._refused(tx, person, member, NoRoleHere(name=next(names_for(told, person.subject))))
        if member is None:
            name = self._free_name(tx, told, person.subject)
            if name is None:
                taken = NameTaken(name=next(names_for(told, person.subject)), subject=person.subject)
                return self._refused(tx, person, None, taken)
            member = Member(new_id(), name, role, b"", b"")
            store.save(tx, member)
            identity_store.link(tx, issuer, person.subject, member.staff_id)
            self._record(tx, "staff.created", member, person)
        elif member.role != role:
            member = msgspec.structs.replace(member, role=role)
            store.save(tx, member)
            self._record(tx, "staff.changed", member, person)
        return begin(tx, member, "oidc", subject=person.subject)

    def _free_name(self, tx: Transaction, told: tuple[str, ...], subject: str) -> str | None:
        """A name for a new member; None where somebody with a PIN has it: that may be the same person, who must not
        become two, as two persons sign for value.
        """
        for name in itertools.islice(names_for(told, subject), 1000):
            known = store.by_name(tx.connection, name)
            if known is None:
                return name
            if known.knows_pin:
                return None
        return None

    def _refused(
        self, tx: Transaction, person: Person, member: Member | None, refusal: NoRoleHere | NameTaken
    ) -> NoRoleHere | NameTaken:
        stream = f"staff:{member.staff_id}" if member is not None else _ACTOR
        if member is not None:  # whoever lost the role loses what is open, too
            store.end_sessions_of(tx, member.staff_id)
        why = {"subject": person.subject[:_SUBJECT_CHARS_MAX], "why": refusal.code}
        tx.record("staff.sign_in_refused", stream, _ACTOR, {"name": refusal.details["name"], **why})
        return refusal

    def _record(self, tx: Transaction, kind: str, member: Member, person: Person) -> None:
        told = {"name": member.name, "role": member.role, "subject": person.subject}
        tx.record(kind, f"staff:{member.staff_id}", _ACTOR, told)


def link_member(database: Database, issuer: str, name: str, subject: str) -> None:
    """Say that a member of this store is that person at head office: one person with both ways in. NoSuchMember.

    Whoever signed in as that person so far, as somebody else, is signed out.
    """

    def write(tx: Transaction) -> None:
        member = store.by_name(tx.connection, " ".join(name.split()))
        if member is None or member.is_removed:
            raise NoSuchMember(name=name)
        before = identity_store.member_of(tx.connection, issuer, subject)
        if before is not None and before != member.staff_id:
            store.end_sessions_of(tx, before)
        identity_store.link(tx, issuer, subject, member.staff_id)
        told = {"name": member.name, "subject": subject, "instead_of": before}
        tx.record("staff.linked", f"staff:{member.staff_id}", "system", told)

    database.write_now(write)


def list_linked(database: Database) -> set[str]:
    """The ids of the members who can sign in through head office."""
    return database.read_now(identity_store.linked)
