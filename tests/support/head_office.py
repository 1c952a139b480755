"""Head office's sandbox without a network: its application, and a browser that only follows."""

from pathlib import Path
from urllib.parse import parse_qs, parse_qsl, urlsplit

import httpx

from unqueue.kernel.clock import Clock
from unqueue.kernel.settings_staff import Oidc
from unqueue.providers.oidc.client import OidcClient
from unqueue.providers.oidc.sandbox.app import HeadOffice
from unqueue.providers.oidc.sandbox.options import PEOPLE, Options

ISSUER = "https://login.head-office.example"
REDIRECT_URI = "https://store.example/console/"
MANAGER, SUPERVISOR, ATTENDANT, ACCOUNTANT = PEOPLE
SETTINGS = Oidc(
    issuer=ISSUER,
    client_id="demo-store",
    roles={"store-managers": "manager", "store-supervisors": "supervisor", "store-staff": "attendant"},
)


class Office:
    """The sandbox, what it is asked over HTTP, and the store's client of it."""

    def __init__(self, directory: Path, clock: Clock, secret: str = "demo-secret", settings: Oidc = SETTINGS) -> None:
        options = Options(data_dir=directory, redirect_uri=REDIRECT_URI, public_url=ISSUER)
        self.sandbox = HeadOffice(options, clock=clock)
        self.asked: list[str] = []
        self.away = False
        self._transport = httpx.ASGITransport(self.sandbox.asgi)
        self.client = OidcClient(
            settings, clock, secret=secret, redirect_uri=REDIRECT_URI, transport=httpx.MockTransport(self._answer)
        )

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.url.path)
        if self.away:
            raise httpx.ConnectError("away", request=request)
        answer = await self._transport.handle_async_request(request)
        return httpx.Response(answer.status_code, headers=answer.headers, content=await answer.aread())

    async def choose(self, url: str, subject: str = MANAGER.subject, trouble: str = "none") -> dict[str, str]:
        """What a browser does: open the page, pick somebody; what it comes back with."""
        async with httpx.AsyncClient(transport=self._transport) as browser:
            page = await browser.get(url)
            assert page.status_code == 200, page.text
            form = dict(parse_qsl(urlsplit(url).query)) | {"subject": subject, "trouble": trouble}
            back = await browser.post(f"{ISSUER}/authorize", data=form)
        assert back.status_code == 303
        assert back.headers["location"].startswith(f"{REDIRECT_URI}?")
        return {name: values[0] for name, values in parse_qs(urlsplit(back.headers["location"]).query).items()}
