"""Ports for the processes of a demo, a bench or a test."""

import random
import socket

# Below the ports that a system lends to connections that leave it: Linux from 32768, others from 49152 (RFC 6335, 6).
# One of those may be lent to anybody between the asking and the listening, or while a process is being started again.
FIRST, LAST = 15_000, 32_000
_given: set[int] = set()
_chance = random.SystemRandom()


def free_port() -> int:
    """A TCP port that nobody listens on right now; never the same twice in one process."""
    while True:
        port = _chance.randint(FIRST, LAST)
        if port in _given:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        _given.add(port)
        return port
