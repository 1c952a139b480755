"""HTTP as a patient handset speaks it: what is only temporary is sent again, the same id and the same body."""

import asyncio
from typing import Any

import httpx

RETRY_PAUSE_S = 0.2


class Refused(Exception):
    """The store said no, for good. ``problem`` is its RFC 9457 document."""

    def __init__(self, request: str, status: int, problem: dict[str, Any]) -> None:
        self.status = status
        self.problem = problem
        super().__init__(f"{request}: {status} {problem.get('code')}: {problem.get('en')}")

    @property
    def code(self) -> str:
        return str(self.problem.get("code", ""))


class StoreClient:
    """One bearer's connection to the store. ``patience_s`` is how long a temporary failure is waited out."""

    def __init__(self, base_url: str, token: str | None = None, *, patience_s: float = 30.0) -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        # The demo's own certificate is made on the spot: there is nobody who could vouch for it.
        self._http = httpx.AsyncClient(
            base_url=base_url,
            headers=headers,
            timeout=10.0,
            verify=False,  # noqa: S501
            trust_env=False,
            follow_redirects=False,
        )
        self._patience_s = patience_s

    def authorize(self, token: str) -> None:
        self._http.headers["Authorization"] = f"Bearer {token}"

    async def close(self) -> None:
        await self._http.aclose()

    async def get(self, path: str, **query: str) -> Any:
        return await self.send("GET", path, params=query)

    async def post(self, path: str, body: Any = None) -> Any:
        return await self.send("POST", path, json=body)

    async def send(self, method: str, path: str, **arguments: Any) -> Any:
        """The decoded answer; Refused for a permanent refusal; TimeoutError when the store stays away."""
        async with asyncio.timeout(self._patience_s):
            while True:
                if self._http.is_closed:  # the demo ends while a page still asks
                    raise TimeoutError(f"{method} {path}: the store is closed")
                try:
                    response = await self._http.request(method, path, **arguments)
                except httpx.TransportError:
                    await asyncio.sleep(RETRY_PAUSE_S)
                    continue
                if response.is_success or response.is_redirect:
                    is_json = "json" in response.headers.get("content-type", "")
                    return response.json() if is_json else response.text
                problem = _problem(response)
                if problem.get("permanent", response.status_code < 500):
                    raise Refused(f"{method} {path}", response.status_code, problem)
                await asyncio.sleep(RETRY_PAUSE_S)


def _problem(response: httpx.Response) -> dict[str, Any]:
    try:
        decoded = response.json()
    except ValueError:
        return {"en": response.text[:200]}
    return decoded if isinstance(decoded, dict) else {"en": str(decoded)}
