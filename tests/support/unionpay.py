"""UnionPay's pretended gateway in a process of its own, and what its neighbours need to sign."""

from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
from tests.support.sandboxes import SandboxProcess

from unqueue.kernel.clock import Clock, SystemClock
from unqueue.providers.unionpay import messages, signing
from unqueue.providers.unionpay.certificates import Chain
from unqueue.providers.unionpay.client import UnionPay
from unqueue.providers.unionpay.sandbox.authority import Authority, issue
from unqueue.providers.unionpay.sandbox.command import DEMO
from unqueue.providers.unionpay.signing import Signer


class GatewayProcess(SandboxProcess):
    """The gateway; its merchant is the one that it enrols itself."""

    def __init__(self, directory: Path, *options: str) -> None:
        super().__init__(directory, "unqueue.providers.unionpay.sandbox.command", "unionpay", *options)

    def account(
        self,
        *,
        authority: Path | None = None,
        merchant_authority: Path | None = None,
        refund_notify_url: str = "",
        clock: Clock | None = None,
    ) -> UnionPay:
        """The merchant's client: it believes what another authority vouches for, or signs with a certificate of
        another one, if asked. It waits for no clock of the gateway's, which is this machine's.
        """
        return UnionPay(
            provider_id="unionpay",
            merchant_id=DEMO,
            url=self.url,
            signer=merchant_signer(merchant_authority or self.directory),
            chain=chain_of(authority or self.directory),
            clock=clock or SystemClock(),
            refund_notify_url=refund_notify_url,
            pay_timeout_grace_s=0,
        )


def chain_of(directory: Path) -> Chain:
    """What the authority in a directory vouches for; it is made if there is none."""
    files = (directory / "root.cer", directory / "middle.cer")
    if not files[1].exists():
        Authority(directory, datetime.now(UTC))
    roots, middles = (signing.load_certificates(file.read_bytes()) for file in files)
    return Chain(roots[0], middles, "test")


def merchant_signer(directory: Path) -> Signer:
    """The merchant's key, as the authority in a directory gave it out."""
    if not (directory / f"{DEMO}.cer").exists():
        Authority(directory, datetime.now(UTC)).enrol(DEMO)
    password = (directory / f"{DEMO}.password").read_text().strip()
    return signing.load_signer((directory / f"{DEMO}.pfx").read_bytes(), password)


def resigned(directory: Path, body: bytes, **changes: str) -> bytes:
    """A notification with other fields, as the gateway whose authority is in a directory would have signed it."""
    gateway = Authority(directory, datetime.now(UTC)).gateway
    fields = messages.parse_form(body) | changes
    return urlencode(fields | {"signature": Signer(gateway.key, gateway.certificate).sign(fields)}).encode()


def resigned_at(directory: Path, body: bytes, at_s: int) -> bytes:
    """The same notification about a purchase of another time."""
    return resigned(directory, body, txnTime=messages.transaction_time(at_s * 1_000_000))


def answering(*answers: bytes, merchant_id: str, chain: Chain, clock: Clock, **options: Any) -> UnionPay:
    """A client to whom these answers are given, one after the other, the last for ever: replays, slips and lies that
    no sandbox would tell.
    """
    left = list(answers)

    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=left.pop(0) if len(left) > 1 else left[0])

    return UnionPay(
        provider_id="unionpay",
        merchant_id=merchant_id,
        url="https://gateway.example",
        signer=_any_signer(),
        chain=chain,
        clock=clock,
        transport=httpx.MockTransport(answer),
        **options,
    )


@cache
def _any_signer() -> Signer:
    made = issue("anyone", None, datetime.now(UTC))
    return Signer(made.key, made.certificate)
