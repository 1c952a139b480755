"""A simulated card terminal in a process of its own, and the hands before it."""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from unqueue.kernel.clock import SystemClock
from unqueue.kernel.settings import Provider as Account
from unqueue.providers.nexo_terminal import crypto
from unqueue.providers.nexo_terminal.client import NexoTerminal, Patience
from unqueue.providers.nexo_terminal.link import Link
from unqueue.providers.zvt_terminal.client import ZvtTerminal
from unqueue.providers.zvt_terminal.dialogue import Line
from unqueue.providers.zvt_terminal.dialogue import Patience as ZvtPatience
from unqueue.providers.zvt_terminal.journal import Journal

MERCHANT = "store-7"
PASSPHRASE, KEY_NAME = "a shared passphrase", "store-key"
CARD_NUMBER = "5413330089020011"
"""The marked card: if these sixteen digits are found anywhere on our side, the guard has failed."""
QUICK = Patience(glance_s=0.5, ending_s=2.0, status_s=2.0, reversal_s=3.0, reconciliation_s=3.0, settle_s=0.2)

ZVT_QUICK = ZvtPatience(answer_s=2.0, step_s=5.0, glance_s=0.5, ending_s=2.0, settle_s=0.2)


class TerminalProcess:
    """A terminal that keeps its port and its books when it is started again."""

    def __init__(self, protocol: str, directory: Path, *options: str) -> None:
        self.protocol = protocol
        self.directory = directory
        self._options = ["--protocol", protocol, "--data-dir", str(directory), "--card-number", CARD_NUMBER]
        if protocol == "nexo":
            self._options += ["--passphrase", PASSPHRASE, "--key-identifier", KEY_NAME]
        self._options += options
        self._port = "0"
        self._process: subprocess.Popen[str] | None = None
        self.announced: dict[str, Any] = {}

    def start(self) -> None:
        module = "unqueue.providers.card_terminal_sandbox.command"
        command = [sys.executable, "-m", module, "card-terminal", "--port", self._port, *self._options]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.announced = json.loads(self._process.stdout.readline())
        where = self.announced.get("url") or f":{self.announced['port']}"
        self._port = str(where).rpartition(":")[2]

    def ask(self, **request: Any) -> dict[str, Any]:
        """Do to the terminal what hands do; its state."""
        with (
            socket.create_connection(("127.0.0.1", self.announced["control_port"]), 10) as line,
            line.makefile("rwb") as file,
        ):
            file.write(json.dumps(request).encode() + b"\n")
            file.flush()
            state: dict[str, Any] = json.loads(file.readline())
        assert "error" not in state, state
        return state

    def taken(self, subject_id: str = "") -> list[dict[str, Any]]:
        """The payments that the terminal booked; of one attempt, where the protocol names it."""
        booked = [
            one
            for one in self.ask(get=True)["transactions"]
            if one["kind"] == "payment" and one["status"] == "approved"
        ]
        return [one for one in booked if subject_id in {"", one["subject_id"]}]

    def is_dead(self, within_s: float = 5.0) -> bool:
        """Whether the power went."""
        assert self._process is not None
        try:
            self._process.wait(within_s)
        except subprocess.TimeoutExpired:
            return False
        return True

    def wait_until_waiting(self, within_s: float = 5.0) -> None:
        deadline_s = time.monotonic() + within_s
        while not self.ask(get=True)["waiting"]:
            assert time.monotonic() < deadline_s, "the terminal asks for no card"
            time.sleep(0.01)

    def kill(self) -> None:
        """Kill -9, as a power cut would."""
        assert self._process is not None
        self._process.kill()
        self._forget()

    def stop(self) -> int:
        if self._process is None:
            return 0
        self._process.terminate()
        return self._forget()

    def _forget(self) -> int:
        assert self._process is not None
        status = self._process.wait(10)
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._process = None
        return status

    def nexo(self, *, passphrase: str = PASSPHRASE, patience: Patience = QUICK, **changes: Any) -> NexoTerminal:
        """The store's side; another passphrase or way there if asked."""
        plain: dict[str, Any] = {
            "url": self.announced["url"],
            "root_file": Path(self.announced["root_file"]),
            "tls_name": self.announced["tls_name"],
            "sale_id": "store-7-kiosk-1",
            "poi_id": self.announced["poi_id"],
            "key": crypto.derive_key(passphrase, KEY_NAME, 1),
        }
        return NexoTerminal(
            provider_id="card",
            merchant_id=MERCHANT,
            link=Link(**{**plain, **changes}),
            clock=SystemClock(),
            currency="EUR",
            patience=patience,
        )

    def zvt(self, journal: Path, *, patience: ZvtPatience = ZVT_QUICK, **changes: Any) -> ZvtTerminal:
        """The store's side, with its journal."""
        plain: dict[str, Any] = {
            "host": self.announced["host"], "port": self.announced["port"], "password": "000000", "currency": "EUR"
        }  # fmt: skip
        return ZvtTerminal(
            provider_id="card",
            merchant_id=MERCHANT,
            line=Line(**{**plain, **changes}),
            journal=Journal(journal),
            clock=SystemClock(),
            refunds_to_card=True,
            patience=patience,
        )

    def nexo_account(self, directory: Path, **changes: Any) -> Account:
        """The settings of the store's side."""
        passphrase = directory / "passphrase"
        passphrase.write_text(PASSPHRASE + "\n", "utf-8")
        plain: dict[str, Any] = {
            "id": "card", "kind": "nexo_terminal", "zh": "银行卡", "en": "Card", "url": self.announced["url"],
            "merchant_id": MERCHANT, "at": "kiosk-1",
            "options": {"poi_id": self.announced["poi_id"], "sale_id": "store-7-kiosk-1", "key_identifier": KEY_NAME,
                        "tls_name": self.announced["tls_name"]},
            "files": {"passphrase": passphrase, "root": Path(self.announced["root_file"])},
        }  # fmt: skip
        return Account(**{**plain, **changes})


@contextmanager
def running_terminal(protocol: str, directory: Path, *options: str) -> Iterator[TerminalProcess]:
    terminal = TerminalProcess(protocol, directory, *options)
    terminal.start()
    try:
        yield terminal
    finally:
        terminal.stop()
