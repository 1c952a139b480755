"""HTTP of signing in by passkey and through head office, and of one's own passkeys."""

from collections.abc import Callable
from typing import Annotated, Any

import msgspec
from litestar import Request, delete, get, post
from litestar.datastructures import State
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, JSONBody

from unqueue.kernel.ids import token_hash
from unqueue.server.access import Access, bearer
from unqueue.server.staff.head_office import HeadOffice, Leaving, Returned
from unqueue.server.staff.passkeys import Passkeys, PasskeyView
from unqueue.server.staff.sessions import Session
from unqueue.server.staff.webauthn import Assertion, Creation

AnyRequest = Request[Any, Any, State]


class NewPasskey(msgspec.Struct, frozen=True):
    """A passkey that a browser made, and what its owner calls it."""

    name: Annotated[str, msgspec.Meta(max_length=200)]
    answer: Creation


class Named(msgspec.Struct, frozen=True):
    """What staff call something."""

    zh: str
    en: str


class SignInWays(msgspec.Struct, frozen=True):
    """How staff can sign in, besides name and PIN. Passkeys: where the page's origin is ``passkey_origin``."""

    passkey_origin: str | None
    head_office: Named | None


def routes(
    passkeys: Passkeys, office: HeadOffice, access: Access, ways: Callable[[], SignInWays]
) -> list[HTTPRouteHandler]:
    """All ways to sign in but the PIN's."""
    return [*_passkeys(passkeys, access), *_head_office(office, ways)]


def _head_office(office: HeadOffice, ways: Callable[[], SignInWays]) -> list[HTTPRouteHandler]:
    @get("/api/staff/sign-in", tags=["staff"], sync_to_thread=False)
    def sign_in_ways() -> SignInWays:
        """How staff can sign in here."""
        return ways()

    @post("/api/staff/sessions/head-office/options", status_code=200, tags=["staff"])
    async def leaving() -> Leaving:
        """Where the browser goes to sign in through head office. Good for five minutes, once, in the tab that asked."""
        return await office.leaving()

    @post("/api/staff/sessions/head-office", status_code=201, tags=["staff"])
    async def sign_in(data: JSONBody[Returned]) -> Session:
        """Sign in with what head office sent the browser back with."""
        return await office.sign_in(data)

    return [sign_in_ways, leaving, sign_in]


def _passkeys(passkeys: Passkeys, access: Access) -> list[HTTPRouteHandler]:
    @post("/api/staff/passkeys/options", status_code=200, tags=["staff"])
    async def adding_options(request: AnyRequest) -> dict[str, Any]:
        """What the browser needs to make a passkey: PublicKeyCredentialCreationOptionsJSON. Good for five minutes."""
        return await passkeys.adding_options(await access.principal(request, "staff", "enrolment"))

    @post("/api/staff/passkeys", status_code=201, tags=["staff"])
    async def add(data: JSONBody[NewPasskey], request: AnyRequest) -> PasskeyView:
        """Keep the passkey that the browser made."""
        return await passkeys.add(await access.principal(request, "staff", "enrolment"), data.name, data.answer)

    @get("/api/staff/passkeys", tags=["staff"])
    async def list_own(request: AnyRequest) -> list[PasskeyView]:
        """The passkeys of who asks."""
        return await passkeys.list(await access.principal(request, "staff"))

    @delete("/api/staff/passkeys/{passkey_id:str}", status_code=204, tags=["staff"])
    async def remove(passkey_id: FromPath[str], request: AnyRequest) -> None:
        """Forget one of one's own passkeys, and end one's other sessions."""
        staff = await access.principal(request, "staff")
        await passkeys.remove(staff, passkey_id, token_hash(bearer(request)))

    @post("/api/staff/sessions/passkey/options", status_code=200, tags=["staff"])
    async def signing_options() -> dict[str, Any]:
        """What the browser needs to sign in: PublicKeyCredentialRequestOptionsJSON. Good for five minutes, once."""
        return passkeys.signing_options()

    @post("/api/staff/sessions/passkey", status_code=201, tags=["staff"])
    async def sign_in(data: JSONBody[Assertion]) -> Session:
        """Sign in by a passkey."""
        return await passkeys.sign_in(data)

    return [adding_options, add, list_own, remove, signing_options, sign_in]
