"""Passkeys of members of staff: what is kept of one, and what may go wrong with it. Pure."""

from typing import Literal

import msgspec

from unqueue.kernel.errors import DomainError
from unqueue.server.staff.model import Member, TooManyAttempts, pause_s

PASSKEYS_MAX = 10
"""How many passkeys a member may have: a phone, a tablet, a spare key, and some that were forgotten."""
CREDENTIAL_ID_BYTES_MAX = 1023
"""Source: Web Authentication Level 3, section 4, "Credential ID"."""
Standing = Literal["needed", "add_first"]


class PasskeysUnavailable(DomainError):
    code = "passkeys_unavailable"
    status = 409
    zh = "在这个地址不能用通行密钥，请用密码登录"
    en = "Passkeys can't be used at this address. Please use your PIN."


class PasskeyUnknown(DomainError):
    """Also for one that was removed, or whose member was."""

    code = "passkey_unknown"
    status = 401
    zh = "这里不认识这个通行密钥，请用密码登录"
    en = "This passkey is not known here. Please use your PIN."


class PasskeyRefused(DomainError):
    """What the browser sent does not prove the passkey. Details: ``why``, in the words of who looks after the store."""

    code = "passkey_refused"
    status = 401
    zh = "通行密钥没有通过，请再试一次，或用密码登录"
    en = "The passkey was not accepted. Please try again, or use your PIN."


class PasskeyCopied(DomainError):
    """Its counter went back: two devices sign with it."""

    code = "passkey_copied"
    status = 401
    zh = "这个通行密钥可能被复制过，已停用。请用密码登录，并告诉 IT"
    en = "This passkey may have been copied, and is switched off. Please use your PIN, and tell IT."


class PasskeyTaken(DomainError):
    code = "passkey_taken"
    status = 409
    zh = "这个通行密钥已经添加过了"
    en = "This passkey was added already."


class TooManyPasskeys(DomainError):
    """Details: ``most``."""

    code = "too_many_passkeys"
    status = 409
    zh = "最多 {most} 个通行密钥，请先移除一个"
    en = "There are {most} passkeys already. Please remove one first."


class PasskeyNeeded(DomainError):
    """The role asks for a passkey, and the member has one: a PIN is no way in."""

    code = "passkey_needed"
    status = 403
    zh = "您的岗位请用通行密钥登录。通行密钥丢了，请告诉 IT"
    en = "Your role signs in with its passkey. If it is lost, please tell IT."


class PinNeeded(DomainError):
    """Passkeys are for those whom the store took in: who came by head office's account goes on coming by it."""

    code = "pin_needed"
    status = 409
    zh = "您用总部账号登录，不需要通行密钥"
    en = "You sign in with your head office account, and need no passkey here."


class Passkey(msgspec.Struct, frozen=True):
    """A passkey: ``credential`` is its id, public key and make as WebAuthn's attested credential data.

    ``sign_count`` is the largest counter it has shown (0 for those that don't count); ``attempts`` counts the answers
    in its name that proved nothing, since the last that did.
    """

    passkey_id: str
    staff_id: str
    name: str
    credential_hash: str
    credential: bytes
    sign_count: int
    added_us: int
    used_us: int | None = None
    is_off: bool = False
    attempts: int = 0
    locked_until_us: int = 0

    def check_pause(self, now_us: int) -> None:
        """TooManyAttempts while it is paused: for itself, so that who guesses a PIN locks nobody's passkey."""
        if now_us < self.locked_until_us:
            raise TooManyAttempts(retry_after_s=-((now_us - self.locked_until_us) // 1_000_000))

    def failed(self, now_us: int) -> "Passkey":
        """After an answer that proves nothing."""
        attempts = self.attempts + 1
        return msgspec.structs.replace(self, attempts=attempts, locked_until_us=now_us + pause_s(attempts) * 1_000_000)

    def counts_on(self, sign_count: int) -> bool:
        """Whether a counter goes on from the one that is known.

        Source: Web Authentication Level 3, section 7.2 step 22: where either is not zero, it has to grow.

        >>> [Passkey("p", "s", "n", "h", b"", known, 0).counts_on(shown) for known, shown in ((0, 0), (0, 1), (5, 6))]
        [True, True, True]
        >>> [Passkey("p", "s", "n", "h", b"", known, 0).counts_on(shown) for known, shown in ((5, 5), (5, 4), (5, 0))]
        [False, False, False]
        """
        return sign_count > self.sign_count or (sign_count == 0 and self.sign_count == 0)

    def used(self, sign_count: int, now_us: int) -> "Passkey":
        """After a good sign-in."""
        return msgspec.structs.replace(self, sign_count=sign_count, used_us=now_us, attempts=0, locked_until_us=0)


def standing(member: Member, passkeys: int, passkey_for: frozenset[str]) -> Standing | None:
    """What a right PIN is worth where the role asks for a passkey: ``needed``, it is no way in; ``add_first``, it lets
    the member add the first one and nothing else. None: it opens a session as ever.
    """
    if member.role not in passkey_for:
        return None
    return "needed" if passkeys else "add_first"
