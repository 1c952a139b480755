"""What may go wrong between this store and head office's OpenID provider."""

from unqueue.kernel.errors import DomainError


class HeadOfficeAway(DomainError):
    code = "head_office_away"
    status = 503
    permanent = False
    zh = "现在连不上总部，请稍候再试，或换一种方式登录"
    en = "Head office can't be reached right now. Please try again in a moment, or sign in another way."


class HeadOfficeRefused(DomainError):
    """The provider did not vouch, or its word does not hold: the reason is in the server's log, and nobody else's."""

    code = "head_office_refused"
    status = 401
    zh = "总部没有确认您的登录，请再试一次"
    en = "Head office did not confirm your sign-in. Please try again."


class IdTokenInvalid(Exception):
    """An ID token that proves nothing; the text says why. A programmer's word: who signs in sees HeadOfficeRefused."""
