"""The printer's other ways in: a device file and a serial line."""

import asyncio
from pathlib import Path

import pytest

from unqueue.devices.drivers.escpos_printer import EscposPrinter, EscposPrinterSettings, render_receipt
from unqueue.devices.ports import DeviceFailed, DeviceStatus
from unqueue.devices.simulators.line import PtyLine
from unqueue.devices.wire.escpos_status import PrinterState, QuestionSplitter, encode_status
from unqueue.kernel.money import format_minor


def test_a_device_file_gets_the_bytes(tmp_path: Path) -> None:
    path = tmp_path / "lp0"
    path.touch()

    async def scene() -> None:
        async with EscposPrinter(EscposPrinterSettings(f"file:{path}")) as printer:
            assert await printer.status() == DeviceStatus("ready")
            await printer.print_bytes(b"one\n")
            await printer.print_bytes(b"two\n")

    asyncio.run(scene())
    assert path.read_bytes() == b"one\ntwo\n"


def test_a_missing_device_file_is_a_failure(tmp_path: Path) -> None:
    async def scene() -> None:
        printer = EscposPrinter(EscposPrinterSettings(f"file:{tmp_path}/none/lp0"))
        assert (await printer.status()).status == "failed"
        with pytest.raises(DeviceFailed, match="No such file"):
            await printer.print_bytes(b"x")

    asyncio.run(scene())


def test_a_receipt_over_a_serial_line() -> None:
    got = bytearray()
    state = PrinterState()

    async def scene() -> None:
        splitter = QuestionSplitter()

        def on_data(data: bytes) -> None:
            for part in splitter.feed(data):
                if isinstance(part, bytes):
                    got.extend(part)
                else:
                    line.write(encode_status(part, state))

        line = PtyLine(on_data)
        await line.plug()
        settings = EscposPrinterSettings(f"serial:{line.announced()['url']}", width_chars=32, timeout_s=2)
        try:
            await EscposPrinter(settings).print_receipt(RECEIPT, "en")
        finally:
            await line.close()

    asyncio.run(scene())
    assert bytes(got) == render_receipt(RECEIPT, 32, "en")
    assert format_minor(0, "CNY").encode() not in got  # the yen sign has a code of its own on paper


def test_a_printer_that_runs_out_during_the_job_leaves_it_uncertain() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        splitter, printed = QuestionSplitter(), False
        while data := await reader.read(100):
            for part in splitter.feed(data):
                if isinstance(part, bytes):
                    printed = True
                else:
                    writer.write(encode_status(part, PrinterState(paper_out=printed)))
        writer.close()

    async def scene() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            printer = EscposPrinter(EscposPrinterSettings(f"tcp://127.0.0.1:{port}"))
            with pytest.raises(DeviceFailed, match="paper is out") as failure:
                await printer.print_bytes(b"half a receipt\n")
            assert failure.value.details["uncertain"]
            await asyncio.sleep(0.01)

    asyncio.run(scene())


def test_other_urls_are_refused() -> None:
    with pytest.raises(ValueError, match="tcp://host:port"):
        EscposPrinter(EscposPrinterSettings("http://printer"))


NOTHING = {"amount_minor": 0, "currency": "CNY"}
RECEIPT = {
    "number": "R-1", "order_number": "104729389", "issued_at": "2026-01-02T03:04:05Z",
    "store": {"id": "1", "name_zh": "店", "name_en": "Shop", "address_zh": "", "address_en": "", "tax_id": ""},
    "lines": [], "subtotal": NOTHING, "discount": NOTHING, "deposit": NOTHING, "total": NOTHING, "taxes": [],
    "tenders": [],
}  # fmt: skip
