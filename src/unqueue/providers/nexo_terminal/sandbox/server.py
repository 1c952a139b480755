"""The simulated terminal's HTTPS: just enough HTTP/1.1 to lose a question or an answer on purpose."""

import asyncio
import secrets
import ssl
from typing import Any

import msgspec

from unqueue.kernel.clock import SystemClock
from unqueue.providers.card_terminal_sandbox.books import Books
from unqueue.providers.card_terminal_sandbox.process import Options, serve
from unqueue.providers.card_terminal_sandbox.reader import Reader
from unqueue.providers.nexo_terminal import crypto, messages
from unqueue.providers.nexo_terminal.link import PATH
from unqueue.providers.nexo_terminal.sandbox.certificates import ensure_certificates
from unqueue.providers.nexo_terminal.sandbox.terminal import Terminal

_BODY_BYTES_MAX = 1_000_000
_SERVICE_ID_MAX = 10


async def run(options: Options, poi_id: str, passphrase: str, key_identifier: str) -> None:
    """Be a terminal until told to stop."""
    books = Books(options.data_dir / "books.jsonl", "DeviceOut")
    reader = Reader(books, options.card_number, options.thinking_s, options.timeout_s)
    terminal = Terminal(books, reader, SystemClock())
    key = crypto.derive_key(passphrase, key_identifier, 1)
    await serve("nexo", Server(options, terminal, reader, poi_id, key), reader, options)
    books.close()


class Server:
    def __init__(self, options: Options, terminal: Terminal, reader: Reader, poi_id: str, key: crypto.Key) -> None:
        self._options = options
        self._terminal = terminal
        self._reader = reader
        self._poi_id = poi_id
        self._key = key
        self._server: asyncio.Server | None = None
        self._tls_name = f"{poi_id}.test.terminal.example"

    async def start(self) -> dict[str, Any]:
        options = self._options
        root, chain, key = ensure_certificates(options.data_dir, self._tls_name, options.host)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain, key)
        self._server = await asyncio.start_server(self._serve, options.host, options.port, ssl=context)
        port = self._server.sockets[0].getsockname()[1]
        return {
            "url": f"https://{options.host}:{port}",
            "poi_id": self._poi_id,
            "tls_name": self._tls_name,
            "root_file": str(root.absolute()),
        }

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self._exchange(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            pass  # the store hung up
        finally:
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request and its answer; False when the connection is over."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
        length = int(fields.get("content-length", "0"))
        if length > _BODY_BYTES_MAX:
            return False
        body = await reader.readexactly(length)
        if self._reader.strikes("lose_request"):
            writer.transport.abort()
            return False
        if head[0].split(" ")[:2] != ["POST", PATH]:
            status, content = "404 Not Found", b""
        else:
            status, content = await self._answer(body)
        if self._reader.strikes("lose_reply"):
            writer.transport.abort()
            return False
        writer.write(f"HTTP/1.1 {status}\r\ncontent-length: {len(content)}\r\n\r\n".encode() + content)
        await writer.drain()
        return True

    async def _answer(self, body: bytes) -> tuple[str, bytes]:
        try:
            sealed = msgspec.json.decode(body, type=messages.SealedRequest).sale_to_poi_request
            plain = crypto.unseal(self._key, sealed.nexo_blob, sealed.security_trailer)
            asked = msgspec.json.decode(plain, type=messages.Request).sale_to_poi_request
        except (crypto.Unreadable, msgspec.DecodeError, UnicodeDecodeError):
            return "401 Unauthorized", b""
        header = asked.message_header
        outer = msgspec.structs.replace(sealed.message_header, protocol_version=header.protocol_version)
        well_named = header.poi_id == self._poi_id and 1 <= len(header.service_id) <= _SERVICE_ID_MAX
        if header != outer or not well_named:
            return "400 Bad Request", b""
        answer = await self._terminal.answer(asked)
        if answer is None:
            return "200 OK", b"ok"
        plain = messages.encode(messages.Answer(sale_to_poi_response=answer))
        blob, trailer = crypto.seal(self._key, plain, secrets.token_bytes(crypto.NONCE_BYTES))
        told = messages.SealedMessage(message_header=answer.message_header, nexo_blob=blob, security_trailer=trailer)
        return "200 OK", messages.encode(messages.SealedAnswer(sale_to_poi_response=told))
