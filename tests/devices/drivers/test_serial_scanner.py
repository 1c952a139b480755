"""What the scanner's driver does with half a code."""

import asyncio

from unqueue.devices.drivers.serial_scanner import SerialScanner, SerialScannerSettings
from unqueue.devices.ports import Scan, wait_until_ready
from unqueue.devices.simulators.line import TcpLine


def test_half_a_code_does_not_survive_a_broken_line() -> None:
    async def scene() -> None:
        line = TcpLine(lambda _: None, 0)
        await line.plug()
        try:
            async with SerialScanner(SerialScannerSettings(line.announced()["url"])) as scanner:
                await wait_until_ready(scanner, 2)
                await asyncio.sleep(0.02)
                line.write(b"40063")
                await asyncio.sleep(0.02)
                await line.unplug()
                await line.plug()
                await asyncio.sleep(0.05)
                await wait_until_ready(scanner, 2)
                await asyncio.sleep(0.02)
                line.write(b"UQ2.x\r")
                async with asyncio.timeout(2):
                    assert await anext(aiter(scanner.scans())) == Scan("UQ2.x")
        finally:
            await line.close()

    asyncio.run(scene())
