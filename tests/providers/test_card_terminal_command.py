"""`unqueue simulate card-terminal`, as a person starts it, and the books behind it."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.support.card_terminals import TerminalProcess

from unqueue.providers.card_terminal_sandbox.books import Books, Transaction


@pytest.mark.parametrize(
    ("protocol", "keys"), [("nexo", {"url", "root_file", "poi_id", "tls_name"}), ("zvt", {"host", "port"})]
)
def test_it_says_where_it_is_and_ends_when_asked(tmp_path: Path, protocol: str, keys: set[str]) -> None:
    command = [sys.executable, "-m", "unqueue", "simulate", "card-terminal", "--protocol", protocol]
    process = subprocess.Popen([*command, "--data-dir", str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    where = json.loads(process.stdout.readline())
    assert keys | {"device", "protocol", "control_port"} == set(where)
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
    process.stdout.close()


def test_nonsense_is_refused_with_a_reason(tmp_path: Path) -> None:
    terminal = TerminalProcess("zvt", tmp_path)
    terminal.start()
    try:
        for nonsense in ({"present": "cheque"}, {"trouble": "earthquake"}, {"present": "chip", "outcome": "maybe"}, {}):
            with pytest.raises(AssertionError, match="error"):
                terminal.ask(**nonsense)
        assert terminal.ask(get=True)["waiting"] is False
    finally:
        assert terminal.stop() == 0


def test_books_survive_a_power_cut_at_every_byte(tmp_path: Path) -> None:
    path = tmp_path / "books"
    books = Books(path, "cut")
    one = Transaction(number=1, kind="payment", amount_minor=5, currency="EUR", at_us=1)
    books.put(one)
    begun = path.stat().st_size
    books.put(Transaction(number=1, kind="payment", amount_minor=5, currency="EUR", at_us=1, status="approved"))
    books.close()
    written = path.read_bytes()
    for size in range(begun, len(written) + 1):
        path.write_bytes(written[:size])
        again = Books(path, "cut")
        found = again.get(1)
        assert found is not None
        assert (found.status, found.reason) == (("approved", "") if size >= len(written) - 1 else ("failed", "cut"))
        again.close()
