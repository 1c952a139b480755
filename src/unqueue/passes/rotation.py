"""What changes on the screen: the links of a hash chain, one every few seconds. Pure.

The server picks a secret seed for each pass and signs the chain's end, the seed hashed N times. A screen shows the
signed stem and, in step k, the seed hashed N - k times. Whoever reads it hashes on and comes to the end after k steps:
so it learns how old what it saw is, without the server and without a secret of its own. A picture of the screen holds
the links of the past, which are the wrong ones a minute later; those of the future can't be computed from it (L.
Lamport, "Password authentication with insecure communication", CACM 24(11), 1981).

Steps are counted from ``issued_s``, by the server's clock as the handset knows it.
"""

import hashlib
from collections.abc import Sequence

STEP_S = 15
"""How long one link is shown."""
LATE_STEPS, EARLY_STEPS = 3, 2
"""How many steps a link may be behind or ahead of the reader's clock: 45 and 30 s."""
LINK_LENGTH = 12
"""Bytes of a link. To guess the next one takes 2^96 tries, within a minute."""


def chain(seed: bytes, steps: int, pass_id: bytes) -> Sequence[bytes]:
    """The links by their step, from the chain's end (step 0) to the seed's own (step ``steps``).

    >>> links = chain(b"s" * 16, 4, b"p" * 16)
    >>> len(links), [step_of(link, links[0], b"p" * 16, 4) for link in links]
    (5, [0, 1, 2, 3, 4])
    """
    links = [_hashed(seed, pass_id)]
    for _ in range(steps):
        links.append(_hashed(links[-1], pass_id))
    return links[::-1]


def steps_of(seconds: int) -> int:
    """How many steps a pass of so many seconds has."""
    return seconds // STEP_S


def step_at(issued_s: float, now_s: float) -> int:
    """Which step's link is shown at a time; none before the first."""
    return max(0, int((now_s - issued_s) // STEP_S))


def step_of(link: bytes, chain_end: bytes, pass_id: bytes, steps: int) -> int | None:
    """Which step a link belongs to; None where it is no link of the chain of so many steps."""
    if len(link) != LINK_LENGTH:
        return None
    for step in range(steps + 1):
        if link == chain_end:
            return step
        link = _hashed(link, pass_id)
    return None


def is_fresh(step: int, *, issued_s: float, now_s: float) -> bool:
    """Whether a screen shows this step's link at about this time. Before a pass was issued any of it is fresh: then it
    is the reader's clock that was set back.
    """
    if now_s < issued_s:
        return True
    return -EARLY_STEPS <= step_at(issued_s, now_s) - step <= LATE_STEPS


def _hashed(value: bytes, pass_id: bytes) -> bytes:
    # With the pass's own id, so that a table of hashes serves one pass only.
    return hashlib.sha256(pass_id + value).digest()[:LINK_LENGTH]
