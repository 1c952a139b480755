"""A load of shoppers who scan as fast as they are answered: plain sockets, so that the measuring costs little."""

import random
import select
import socket
import time
import uuid
from collections.abc import Sequence

import msgspec

RESPONSE_MAX = 1 << 20
_POPULARITY = 5.6  # a fifth of the products make three quarters of the scans, as in a supermarket


class Load(msgspec.Struct, frozen=True):
    """What was reached: acknowledged scans a second, and their latencies in milliseconds."""

    clients: int
    per_second: float
    p50_ms: float
    p99_ms: float
    scans: int


class _Opened(msgspec.Struct):
    id: str
    token: str


class _Client:
    """One shopper's connection: opens a trip, fills it, scans; a new trip after ``scans_per_trip``."""

    def __init__(self, port: int, codes: Sequence[str], lines: int, scans_per_trip: int, seed: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sent_at = 0.0
        self.is_scan = False
        self._random = random.Random(seed)  # noqa: S311  # repeatable, not secret
        self._codes = codes
        self._lines = lines
        self._scans_per_trip = scans_per_trip
        self._left = 0
        self._head = b""
        self._received = bytearray()
        self._step = "open"
        self._prefilled: list[str] = []

    def send_next(self) -> None:
        """Send the next request."""
        self.is_scan = False
        if self._step == "open":
            request = _request(b"/api/trips", b"", b'{"language":"zh"}')
        elif self._step == "fill":
            self._prefilled = self._random.sample(self._codes, min(self._lines, len(self._codes)))
            body = msgspec.json.encode({"id": uuid.uuid4().hex, "add": [{"code": code} for code in self._prefilled]})
            request = _request(self._head + b"/lines:batch", self._authorization, body)
        else:
            self.is_scan = True
            codes = self._prefilled or self._codes
            code = codes[int(len(codes) * self._random.random() ** _POPULARITY)]
            body = b'{"id":"%032x","code":"%b"}' % (self._random.getrandbits(128), code.encode())
            request = _request(self._head + b"/scans", self._authorization, body)
        self.sent_at = time.perf_counter()
        self.socket.sendall(request)

    def receive(self) -> bool:
        """Take what came; whether the answer is complete."""
        self._received += self.socket.recv(RESPONSE_MAX)
        head_end = self._received.find(b"\r\n\r\n")
        if head_end < 0:
            return False
        head = bytes(self._received[:head_end]).lower()
        length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
        if len(self._received) < head_end + 4 + length:
            return False
        body = bytes(self._received[head_end + 4 :])
        self._received.clear()
        status = head[9:12]
        assert status in {b"200", b"201"}, f"{head.decode()}\n{body.decode()}"
        self._advance(body)
        return True

    def _advance(self, body: bytes) -> None:
        if self._step == "open":
            opened = msgspec.json.decode(body, type=_Opened)
            self._head = f"/api/trips/{opened.id}".encode()
            self._authorization = b"Authorization: Bearer " + opened.token.encode() + b"\r\n"
            self._left = self._scans_per_trip
            self._step = "fill" if self._lines else "scan"
        elif self._step == "fill":
            self._step = "scan"
        else:
            self._left -= 1
            if self._left == 0:
                self._step = "open"

    _authorization = b""


def scan_load(
    port: int,
    codes: Sequence[str],
    *,
    clients: int,
    seconds: float,
    lines: int = 0,
    scans_per_trip: int = 20,
    seed: int = 1,
) -> Load:
    """Let ``clients`` shoppers scan for ``seconds``.

    Each fills a new trip scan by scan; with ``lines`` the trip has that many lines before, and scans repeat them.
    """
    shoppers = [_Client(port, codes, lines, scans_per_trip, seed * 1000 + number) for number in range(clients)]
    poll = select.epoll()
    by_file = {shopper.socket.fileno(): shopper for shopper in shoppers}
    for file, shopper in by_file.items():
        poll.register(file, select.EPOLLIN)
        shopper.send_next()
    latencies: list[float] = []
    begun = time.perf_counter()
    measured_from = begun + min(1.0, seconds / 4)  # what warms up is not measured
    end = measured_from + seconds
    while (now := time.perf_counter()) < end:
        for file, _ in poll.poll(1.0):
            shopper = by_file[file]
            if not shopper.receive():
                continue
            now = time.perf_counter()
            was_scan, took = shopper.is_scan, now - shopper.sent_at
            if was_scan and now >= measured_from:
                latencies.append(took)
            shopper.send_next()
    for shopper in shoppers:
        shopper.socket.close()
    latencies.sort()
    last = len(latencies) - 1
    p50, p99 = latencies[last // 2] * 1e3, latencies[round(last * 0.99)] * 1e3
    return Load(clients, len(latencies) / seconds, p50, p99, len(latencies))


def _request(path: bytes, authorization: bytes, body: bytes) -> bytes:
    return b"POST %b HTTP/1.1\r\nHost: store\r\n%bContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (
        path,
        authorization,
        len(body),
        body,
    )
