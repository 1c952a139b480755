"""What head office's word is worth here: which role it gives, and what a person is called. Pure."""

from collections.abc import Iterator, Mapping, Sequence

from unqueue.kernel.errors import DomainError
from unqueue.server.staff.model import NAME_LENGTH_MAX, Role


class NoRoleHere(DomainError):
    """Also for who was removed from this store. Details: ``name``."""

    code = "no_role_here"
    status = 403
    zh = "{name}，您的总部账号在这家店没有岗位。请让总部为您开通，或用姓名和密码登录"
    en = "{name}, your head office account has no role in this store. Please ask head office for one, or use your PIN."


class NameTaken(DomainError):
    """Somebody with a PIN has this name: perhaps the same person, perhaps not. Details: ``name``, ``subject``."""

    code = "staff_name_taken"
    status = 409
    zh = "这里已经有一位{name}用密码登录。请让 IT 把总部账号连到本人名下（编号 {subject}）"
    en = "Somebody called {name} signs in with a PIN here. Please have IT link the head office account ({subject})."


class HeadOfficeUnused(DomainError):
    code = "head_office_unused"
    status = 409
    zh = "这家店没有开通总部账号，请用姓名和密码登录"
    en = "This store has no sign-in through head office. Please use your name and PIN."


def role_from(values: Sequence[str], roles: Mapping[str, Role]) -> Role | None:
    """The first role of the settings' table that a person has the value for; None without any.

    >>> table = {"store-managers": "manager", "store-staff": "attendant"}
    >>> role_from(["employees", "store-staff", "store-managers"], table)
    'manager'
    >>> role_from(["employees"], table) is None
    True
    """
    return next((role for value, role in roles.items() if value in values), None)


def names_for(told: Sequence[str], subject: str) -> Iterator[str]:
    """The names to try for a new member, the best one first: there may be two of one name at head office.

    >>> names = names_for(["王伟"], "7c1e40")
    >>> next(names), next(names), next(names)
    ('王伟', '王伟 (2)', '王伟 (3)')
    >>> next(names_for([], "7c1e40"))
    '7c1e40'
    """
    plain = " ".join((told[0] if told else subject).split()) or subject
    yield plain[:NAME_LENGTH_MAX]
    number = 2
    while True:
        more = f" ({number})"
        yield plain[: NAME_LENGTH_MAX - len(more)] + more
        number += 1
