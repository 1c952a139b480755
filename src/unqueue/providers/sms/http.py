"""The way to an SMS provider: one request, and what its failure means for the message."""

import logging
from typing import Any

import httpx

from unqueue.providers.port import ProviderRefused, ProviderUnavailable
from unqueue.providers.sms.port import SmsNotTaken

TIMEOUT_S = 15.0
_NEVER_REACHED = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)

# These providers want the number in the address, and httpx logs addresses. Numbers are never logged.
logging.getLogger("httpx").setLevel(logging.WARNING)


class Wire:
    """A connection to a provider's API at ``url`` (without a slash at its end)."""

    def __init__(self, url: str, *, transport: httpx.AsyncBaseTransport | None = None, **client: Any) -> None:
        self.url = url
        self.host = httpx.URL(url).netloc.decode()
        self._client = httpx.AsyncClient(timeout=TIMEOUT_S, transport=transport, **client)

    async def exchange(self, method: str, path: str, **request: Any) -> httpx.Response:
        """The provider's answer, whatever it says, below 500. SmsNotTaken, ProviderUnavailable."""
        try:
            answer = await self._client.request(method, f"{self.url}{path}", **request)
        except _NEVER_REACHED as error:
            raise SmsNotTaken("unreachable", type(error).__name__) from error
        except httpx.HTTPError as error:
            raise ProviderUnavailable("no_answer", type(error).__name__) from error
        if answer.status_code in {429, 503}:  # RFC 6585 section 4, RFC 9110 section 15.6.4: it was not handled
            raise SmsNotTaken(f"http_{answer.status_code}")
        if answer.status_code >= 500:
            raise ProviderUnavailable(f"http_{answer.status_code}")
        return answer

    async def stop(self) -> None:
        await self._client.aclose()


def json_of(answer: httpx.Response) -> dict[str, Any]:
    """The JSON object of an answer. ProviderUnavailable for an answer that is none: some other machine gave it."""
    try:
        body = answer.json()
    except ValueError as error:
        raise ProviderUnavailable("not_json") from error
    if not isinstance(body, dict):
        raise ProviderUnavailable("not_json")
    return body


def refusal(code: str, *, later: bool, perhaps: bool = False) -> Exception:
    """What a provider's code means: ``later`` (not taken, try again), ``perhaps`` (maybe taken), or never."""
    if later:
        return SmsNotTaken(code)
    return ProviderUnavailable(code) if perhaps else ProviderRefused(code)
