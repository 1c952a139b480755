"""Members of staff: who they are, what each role may do, how they sign in, how guessing is slowed down. Pure."""

import hashlib
import re
from collections.abc import Mapping
from typing import Literal, get_args

import msgspec

from unqueue.kernel.errors import DomainError
from unqueue.kernel.ids import same_secret
from unqueue.server.access import May

Role = Literal["attendant", "supervisor", "manager", "it"]
ROLES: tuple[Role, ...] = get_args(Role)
Way = Literal["pin", "passkey", "oidc", "enrolment"]
"""How a session began. An ``enrolment`` began by PIN where that is not enough: it adds the first passkey, no more."""
WHAT: Mapping[May, str] = {
    "floor": "see lanes, kiosks, calls and the day's figures",
    "calls": "answer a call: let go, weigh again, take off, refuse; take a payment, call security",
    "look_up": "look at orders and cards at the service desk",
    "take_back": "take goods back, alone up to the limit; withdraw what one proposed",
    "second": "sign as the second person: a refund or a card's value over the limit",
    "hand_over": "hand over a refund that its provider has refused",
    "settle_refunds": "release a silent kiosk's claim; settle a refund whose provider never answers",
    "decide_payments": "say what became of a payment whose machine can't tell",
    "issue_cards": "hand out cards and vouchers",
    "fill_cards": "put value on cards, with a second person's signature",
    "fill_cards_alone": "put value on cards without one, up to the limit a day",
    "block_cards": "block a card that was lost",
    "unblock_cards": "let a blocked card be used again",
    "audit_figures": "see what the audits say of losses and errors",
    "figures": "see the figures of lanes and days",
    "overrides": "read who decided what at calls and gates, and why",
    "reconcile": "look at providers' bills against the books",
}
"""What each of these is, in words."""

_ATTENDANT: frozenset[May] = frozenset(
    {"floor", "calls", "look_up", "take_back", "hand_over", "issue_cards", "fill_cards", "block_cards"}
)
_SUPERVISOR: frozenset[May] = _ATTENDANT | {
    "second",
    "decide_payments",
    "unblock_cards",
    "reconcile",
    "figures",
    "overrides",
}
MAY: Mapping[Role, frozenset[May]] = {
    "attendant": _ATTENDANT,
    "supervisor": _SUPERVISOR,
    "manager": _SUPERVISOR | {"settle_refunds", "fill_cards_alone", "audit_figures"},
    "it": frozenset({"floor"}),
}
"""What each role may do. IT looks after machines, which needs no hand on money or goods."""

SESSION_S = 12 * 3600
"""A session lasts one shift."""
ENROLMENT_S = 600
"""Time enough to add a passkey."""
FREE_ATTEMPTS = 5
_PAUSE_S_FIRST, _PAUSE_S_MAX = 60, 900
_PIN = re.compile(r"\d{6,12}", re.ASCII)
NAME_LENGTH_MAX = 40


class SignInFailed(DomainError):
    """The same for a wrong name and a wrong PIN: who works here is nobody's business."""

    code = "sign_in_failed"
    status = 401
    zh = "姓名或密码不对，请再试一次"
    en = "Name or PIN is not right. Please try again."


class TooManyAttempts(DomainError):
    """Details: ``retry_after_s``."""

    code = "too_many_attempts"
    status = 429
    permanent = False
    zh = "试了几次都不对，请 {retry_after_s} 秒后再试"
    en = "That was wrong a few times. Please wait {retry_after_s} seconds."


class PinInvalid(DomainError):
    code = "pin_invalid"
    status = 422
    zh = "密码需要 6 到 12 位数字"
    en = "A PIN has 6 to 12 digits."


class NameInvalid(DomainError):
    code = "name_invalid"
    status = 422
    zh = "请写姓名，最多 40 个字"
    en = "Please give a name of at most 40 characters."


class RoleUnknown(DomainError):
    """Details: ``role``, ``roles``."""

    code = "role_unknown"
    status = 422
    zh = "没有岗位 {role}，可选：{roles}"
    en = "There is no role {role}. There are: {roles}."


class SignatureWrong(DomainError):
    """A second person's name or PIN is not right. Not 401: who is signed in stays signed in."""

    code = "signature_wrong"
    status = 403
    zh = "第二位员工的姓名或密码不对"
    en = "The second person's name or PIN is not right."


class NoSuchMember(DomainError):
    """Details: ``name``."""

    code = "no_such_member"
    status = 404
    zh = "没有员工叫 {name}"
    en = "Nobody on the staff is called {name}."


class Member(msgspec.Struct, frozen=True):
    """A member of staff. ``attempts`` counts sign-ins since the last good one. Who has no PIN was taken in by head
    office's sign-in; who ``is_removed`` has left, and stays for the journal's sake.
    """

    staff_id: str
    name: str
    role: Role
    pin_salt: bytes
    pin_hash: bytes
    attempts: int = 0
    locked_until_us: int = 0
    is_removed: bool = False

    @property
    def may(self) -> frozenset[May]:
        """What the member may do; nothing for a role that is gone."""
        return MAY.get(self.role, frozenset())

    @property
    def knows_pin(self) -> bool:
        """Whether the store itself took this person in, with a PIN."""
        return bool(self.pin_hash)

    def check_pause(self, now_us: int) -> None:
        """TooManyAttempts while signing in is paused."""
        if now_us < self.locked_until_us:
            raise TooManyAttempts(retry_after_s=-((now_us - self.locked_until_us) // 1_000_000))

    def attempted(self, now_us: int) -> "Member":
        """After one more attempt, which counts before its PIN is looked at; TooManyAttempts while paused."""
        self.check_pause(now_us)
        attempts = self.attempts + 1
        return msgspec.structs.replace(self, attempts=attempts, locked_until_us=now_us + pause_s(attempts) * 1_000_000)

    def signed_in(self) -> "Member":
        return msgspec.structs.replace(self, attempts=0, locked_until_us=0)

    def has_pin(self, pin: str) -> bool:
        """Takes the same time for who has none."""
        return same_secret(hash_pin(pin, self.pin_salt).hex(), self.pin_hash.hex()) and self.knows_pin


def pause_s(attempts: int) -> int:
    """How long signing in pauses after so many attempts: not at all at first, then doubling to a quarter of an hour.

    >>> [pause_s(attempts) for attempts in (1, 4, 5, 6, 7, 20)]
    [0, 0, 60, 120, 240, 900]
    """
    if attempts < FREE_ATTEMPTS:
        return 0
    return min(_PAUSE_S_MAX, _PAUSE_S_FIRST << min(attempts - FREE_ATTEMPTS, 10))


def hash_pin(pin: str, salt: bytes) -> bytes:
    """Hash with scrypt (RFC 7914) with N 2^14, r 8, p 1: 16 MiB and some 50 ms a guess. Call it off the event loop."""
    return hashlib.scrypt(pin.encode(), salt=salt, n=2**14, r=8, p=1, maxmem=64 * 2**20)


def normal_name(name: str) -> str:
    """The name as it is stored and looked up; NameInvalid for none or a very long one."""
    plain = " ".join(name.split())
    if not plain or len(plain) > NAME_LENGTH_MAX:
        raise NameInvalid
    return plain


def role_of(text: str) -> Role:
    """The role of that name. RoleUnknown.

    >>> role_of("supervisor")
    'supervisor'
    """
    for role in ROLES:
        if role == text:
            return role
    raise RoleUnknown(role=text, roles=", ".join(ROLES))


def check_pin(pin: str) -> None:
    """PinInvalid unless it is 6 to 12 digits."""
    if not _PIN.fullmatch(pin):
        raise PinInvalid
