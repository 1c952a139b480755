"""The way to the terminal: one sealed HTTPS exchange for each question. Nothing of what travels is ever logged."""

import secrets
import ssl
from pathlib import Path

import httpx
import msgspec

from unqueue.providers.nexo_terminal import crypto, messages
from unqueue.providers.nexo_terminal.messages import Category, Message, MessageHeader
from unqueue.providers.port import ProviderUnavailable

PATH = "/nexo"
_ANSWER_BYTES_MAX = 1_000_000
_CONNECT_S = 3.0


class NotReached(ProviderUnavailable):
    """The terminal could not be connected to: it has not heard the question."""


class Link:
    """Speaks for the sale system ``sale_id`` to the terminal ``poi_id``.

    ``url`` is such as https://10.0.0.21:8443. The terminal's certificate must lead to one in ``root_file`` and carry
    ``tls_name``; empty: the address's own host.
    """

    def __init__(self, *, url: str, root_file: Path, tls_name: str, sale_id: str, poi_id: str, key: crypto.Key) -> None:
        self.sale_id = sale_id
        self.poi_id = poi_id
        self._key = key
        self._url = url + PATH
        self._extensions = {"sni_hostname": tls_name} if tls_name else {}
        # The terminal is in the store's own network: a proxy of the environment does not lead there.
        trust = ssl.create_default_context(cafile=str(root_file))
        self._http = httpx.AsyncClient(verify=trust, trust_env=False)

    async def ask(
        self, category: Category, service_id: str, body: dict[str, msgspec.Struct], patience_s: float
    ) -> Message:
        """The terminal's answer to a request. ``body`` holds the request's one part under its field's name.

        NotReached; ProviderUnavailable when no answer came, or none that can be believed: it may have been done.
        """
        content = await self._send(category, service_id, body, patience_s)
        return self._believe(content, category, service_id)

    async def tell(
        self, category: Category, service_id: str, body: dict[str, msgspec.Struct], patience_s: float
    ) -> None:
        """Say what is answered by a bare acknowledgement, as Abort is."""
        await self._send(category, service_id, body, patience_s)

    async def stop(self) -> None:
        await self._http.aclose()

    def _believe(self, content: bytes, category: Category, service_id: str) -> Message:
        """The message in an answer that the terminal sealed for this very question."""
        try:
            sealed = msgspec.json.decode(content, type=messages.SealedAnswer).sale_to_poi_response
            plain = crypto.unseal(self._key, sealed.nexo_blob, sealed.security_trailer)
            answer = msgspec.json.decode(plain, type=messages.Answer).sale_to_poi_response
        except crypto.Unreadable:
            raise ProviderUnavailable("answer_unverified", "not sealed with our key") from None
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise ProviderUnavailable("answer_malformed", "no message of the Terminal API") from None
        told = answer.message_header
        heard = (told.message_category, told.message_type, told.service_id, told.sale_id, told.poi_id)
        if heard != (category, "Response", service_id, self.sale_id, self.poi_id):
            raise ProviderUnavailable("answer_mismatch", "the answer is to another question")
        return answer

    async def _send(
        self, category: Category, service_id: str, body: dict[str, msgspec.Struct], patience_s: float
    ) -> bytes:
        header = MessageHeader(
            protocol_version=messages.PROTOCOL_VERSION,
            message_class="Service",
            message_category=category,
            message_type="Request",
            sale_id=self.sale_id,
            poi_id=self.poi_id,
            service_id=service_id,
        )
        plain = messages.encode(messages.Request(sale_to_poi_request=_message(header, body)))
        blob, trailer = crypto.seal(self._key, plain, secrets.token_bytes(crypto.NONCE_BYTES))
        sealed = messages.SealedMessage(message_header=header, nexo_blob=blob, security_trailer=trailer)
        try:
            response = await self._http.post(
                self._url,
                content=messages.encode(messages.SealedRequest(sale_to_poi_request=sealed)),
                headers={"content-type": "application/json"},
                timeout=httpx.Timeout(patience_s, connect=_CONNECT_S),
                extensions=self._extensions,
            )
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise NotReached("not_reached", type(error).__name__) from None
        except httpx.HTTPError as error:
            raise ProviderUnavailable("no_answer", type(error).__name__) from None
        if not response.is_success or len(response.content) > _ANSWER_BYTES_MAX:
            raise ProviderUnavailable("answer_failed", f"status {response.status_code}")
        return response.content


def _message(header: MessageHeader, body: dict[str, msgspec.Struct]) -> Message:
    return msgspec.structs.replace(Message(message_header=header), **body)
