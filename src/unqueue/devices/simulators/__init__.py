"""Simulated devices: each its own process, speaking the bytes of a real one. Nothing that runs in a store imports them.

`SIMULATORS` names them: the options, and what runs until SIGTERM.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from unqueue.devices.simulators import cctalk, io_module, llrp_reader, printer, scale, scanner, ssp_recycler
from unqueue.devices.simulators.serving import Announce

SIMULATORS: dict[str, tuple[type, Callable[[Any, Announce], Awaitable[None]]]] = {
    "scale": (scale.ScaleOptions, scale.run),
    "scanner": (scanner.ScannerOptions, scanner.run),
    "io": (io_module.IoOptions, io_module.run),
    "rfid": (llrp_reader.LlrpOptions, llrp_reader.run),
    "printer": (printer.PrinterOptions, printer.run),
    "note-recycler": (ssp_recycler.RecyclerOptions, ssp_recycler.run),
    "cctalk": (cctalk.CctalkOptions, cctalk.run),
}
