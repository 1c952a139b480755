"""The journal, cut at every byte; and what a terminal's last transaction proves."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from unqueue.providers.port import ProviderUnavailable
from unqueue.providers.zvt_terminal import journal as journal_module
from unqueue.providers.zvt_terminal import reading
from unqueue.providers.zvt_terminal.dialogue import Ending
from unqueue.providers.zvt_terminal.journal import Entry, Journal
from unqueue.providers.zvt_terminal.wire import StatusInformation

BEFORE = StatusInformation(result=0, amount_minor=500, receipt=41, trace=41, date="0101", time="080000")


def entry(number: int = 1, **changes: Any) -> Entry:
    plain: dict[str, Any] = {
        "subject_id": f"attempt-{number}", "kind": "payment", "amount_minor": 1290, "currency": "EUR",
        "created_us": number, "begun_us": number, "before": reading.name_of(BEFORE),
    }  # fmt: skip
    return Entry(**{**plain, **changes})


def last(**changes: Any) -> StatusInformation:
    plain: dict[str, Any] = {
        "result": 0, "amount_minor": 1290, "currency": 978, "receipt": 42, "trace": 42, "terminal_id": "28004869"
    }  # fmt: skip
    return StatusInformation(**{**plain, **changes})


def test_the_power_may_go_at_every_byte(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    journal = Journal(path)
    journal.put(entry())
    whole = len(path.read_bytes())
    journal.put(entry(status="succeeded", reference="0042/000042/28004869"))
    journal.close()
    written = path.read_bytes()
    for size in range(len(written) + 1):
        path.write_bytes(written[:size])
        opened = Journal(path)
        known = opened.get("attempt-1")
        opened.close()
        assert known is not None or size < whole - 1
        assert known is None or known.status == ("succeeded" if size >= len(written) - 1 else "begun")


def test_a_spoiled_journal_is_told_instead_of_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    path.write_bytes(b"{}\n" + msgspec.json.encode(entry()) + b"\n")
    with pytest.raises(ValueError, match="line 1"):
        Journal(path)


def test_what_is_old_and_settled_goes_and_is_known_to_be_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_module, "KEPT_MAX", 2)
    journal = Journal(tmp_path / "journal")
    for number, status in enumerate(["begun", "unclear", "succeeded", "failed", "closed"], 1):
        journal.put(entry(number, status=status))
    journal.close()
    opened = Journal(tmp_path / "journal")
    assert [number for number in range(1, 6) if opened.get(f"attempt-{number}")] == [1, 2]
    assert opened.forgotten_until_us == 5
    assert [one.subject_id for one in opened.unsettled()] == ["attempt-1"]
    opened.close()


PAYMENT, REVERSAL, REFUND = entry(), entry(kind="reversal", charge_id="x"), entry(kind="refund", charge_id="x")


@pytest.mark.parametrize(
    ("begun", "told", "status"),
    [
        (PAYMENT, last(), "succeeded"),
        (PAYMENT, last(currency=None), "succeeded"),
        (PAYMENT, BEFORE, "failed"),
        (PAYMENT, last(result=0x6C), "failed"),
        (PAYMENT, last(result=0x6C, amount_minor=None), "failed"),
        (PAYMENT, last(original_trace=42, trace=43, receipt=43), "failed"),
        (PAYMENT, last(original_trace=40, trace=43, receipt=43), "unclear"),
        (PAYMENT, last(amount_minor=1291), "unclear"),
        (PAYMENT, last(amount_minor=None), "unclear"),
        (PAYMENT, last(currency=756), "unclear"),
        (PAYMENT, last(result=0x6C, amount_minor=5), "unclear"),
        (PAYMENT, None, "unclear"),
        (REVERSAL, last(original_trace=41), "succeeded"),
        (REVERSAL, last(), "unclear"),
        (REVERSAL, BEFORE, "failed"),
        (REFUND, last(), "succeeded"),
        (REFUND, last(original_trace=41), "unclear"),
    ],
)
def test_what_the_last_transaction_proves(begun: Entry, told: StatusInformation | None, status: str) -> None:
    after = reading.after_break(begun, told)
    assert after.status == status
    assert bool(after.reference) == (status == "succeeded")
    if status == "unclear":
        with pytest.raises(ProviderUnavailable):
            reading.attempt_state(after)


@pytest.mark.parametrize(
    ("ending", "stopped", "status"),
    [
        (Ending(completed=True, status=last()), False, "succeeded"),
        (Ending(completed=True, status=last()), True, "succeeded"),
        (Ending(completed=True, status=last(amount_minor=1)), False, "unclear"),
        (Ending(completed=True), False, "begun"),
        (Ending(completed=True, status=last(result=5)), False, "begun"),
        (Ending(completed=False, code=0x6C), False, "failed"),
        (Ending(completed=False, code=0x6C), True, "closed"),
        (Ending(completed=False, code=5, status=last(result=5)), True, "failed"),
        (Ending(completed=False, code=0x6C, status=last()), False, "begun"),
    ],
)
def test_what_a_dialogue_proves(ending: Ending, stopped: bool, status: str) -> None:
    assert reading.after_dialogue(PAYMENT, ending, stopped=stopped).status == status


@pytest.mark.parametrize("text", ["", "42", "0000/000042/1", "x/1/1", "\u0664/1/1"])
def test_what_is_no_reference(text: str) -> None:
    with pytest.raises(ValueError, match=r"RECEIPT/TRACE/TERMINAL"):
        reading.receipt_of(text)
