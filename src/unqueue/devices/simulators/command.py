"""The command line of the simulators: `unqueue simulate <device>`.

Each command prints one line of JSON that says where the device is, and runs until it is stopped.
"""

import asyncio
import json
from typing import Annotated, Any, Literal

import typer

from unqueue.devices.simulators import cctalk as cctalk_simulator
from unqueue.devices.simulators import floor_scale as floor_scale_simulator
from unqueue.devices.simulators import io_module as io_simulator
from unqueue.devices.simulators import llrp_reader as llrp_simulator
from unqueue.devices.simulators import printer as printer_simulator
from unqueue.devices.simulators import scale as scale_simulator
from unqueue.devices.simulators import scanner as scanner_simulator
from unqueue.devices.simulators import ssp_recycler as recycler_simulator

app = typer.Typer(
    name="simulate",
    no_args_is_help=True,
    add_completion=False,
    help="Run a simulated device that speaks the bytes of a real one, in a process of its own. The first line on "
    "standard output is JSON: where a driver finds the device, and `control_port`, where JSON lines do to it what "
    "hands and goods would. Ctrl-C ends it.",
)

ControlPort = Annotated[int, typer.Option(help="TCP port of the physical side on 127.0.0.1; 0 takes a free one.")]
TcpPort = Annotated[
    int | None,
    typer.Option(help="Speak on this TCP port of 127.0.0.1 (0: a free one) instead of on a pseudo-terminal."),
]
Link = Annotated[str | None, typer.Option(help="Path for a link to the pseudo-terminal; it survives unplugging.")]


def announce(where: dict[str, Any]) -> None:
    """Print where the device is, as the one line of JSON that starters wait for."""
    typer.echo(json.dumps(where, ensure_ascii=False))


@app.callback()
def _simulate() -> None:
    """Keeps `simulate` a group of commands, whatever their number."""


@app.command(short_help="A scale that speaks Toledo 8217.")
def scale(
    *,
    tcp_port: TcpPort = None,
    link: Link = None,
    control_port: ControlPort = 0,
    capacity_g: Annotated[int, typer.Option(min=1000, help="Most that it can weigh, in grams.")] = 30_000,
    interval_g: Annotated[int, typer.Option(min=1, help="Step of its display, in grams.")] = 5,
    unit: Annotated[Literal["kg", "lb"], typer.Option(help="Unit that it is set to.")] = "kg",
    settle_ms: Annotated[int, typer.Option(min=0, help="How long a changed load is in motion.")] = 300,
    noise_g_sd: Annotated[float, typer.Option(min=0, help="Standard deviation of one weighing's error.")] = 1.0,
    seed: Annotated[int, typer.Option(help="Seed of that error and of line noise.")] = 1,
    style: Annotated[
        Literal["8217", "8213"], typer.Option(help="8213 always sets bit 6 of the status byte, as some makers do.")
    ] = "8217",
    parity: Annotated[bool, typer.Option(help="Even parity in bit 7, as an 8-bit line has it.")] = False,
) -> None:
    """A scale that speaks Toledo 8217 on a new pseudo-terminal or a TCP port.

    Physical side: {"load_g": 1250} lays goods on it, {"motion": true} shakes it, {"fault": "overload" | "unplugged" |
    "silent" | "late" | "garbage" | "split" | null} breaks and mends it, {"get": true} asks for the state.
    """
    options = scale_simulator.ScaleOptions(
        tcp_port=tcp_port, link=link, control_port=control_port, capacity_g=capacity_g, interval_g=interval_g,
        unit=unit, settle_ms=settle_ms, noise_g_sd=noise_g_sd, seed=seed, style=style, parity=parity,
    )  # fmt: skip
    asyncio.run(scale_simulator.run(options, announce))


@app.command(short_help="A floor scale that sends Toledo continuous output.")
def floor_scale(
    *,
    tcp_port: TcpPort = None,
    link: Link = None,
    control_port: ControlPort = 0,
    capacity_g: Annotated[int, typer.Option(min=1000, help="Most that it can weigh, in grams.")] = 150_000,
    interval_g: Annotated[int, typer.Option(min=1, help="Step of its display: 1, 2 or 5 times a power of ten.")] = 20,
    rate_hz: Annotated[float, typer.Option(min=1, max=100, help="Readings a second.")] = 25.0,
    swing_share: Annotated[float, typer.Option(min=0, help="How far a changed load swings, of the change.")] = 0.1,
    noise_g_sd: Annotated[float, typer.Option(min=0, help="Standard deviation of one reading.")] = 3.0,
    seed: Annotated[int, typer.Option(help="Seed of noise.")] = 1,
    checksum: Annotated[bool, typer.Option(help="Send the checksum.")] = True,
) -> None:
    """A floor scale that sends Toledo continuous output on a new pseudo-terminal or a TCP port, and swings.

    Physical side: {"load_g": 32500} rolls a trolley onto it, {"motion": true} pushes at it, {"fault": "overload" |
    "unplugged" | "silent" | "garbage" | "split" | "no_zero" | "tared" | null}, {"get": true} asks for the state.
    """
    options = floor_scale_simulator.FloorScaleOptions(
        tcp_port=tcp_port, link=link, control_port=control_port, capacity_g=capacity_g, interval_g=interval_g,
        rate_hz=rate_hz, swing_share=swing_share, noise_g_sd=noise_g_sd, seed=seed, checksum=checksum,
    )  # fmt: skip
    asyncio.run(floor_scale_simulator.run(options, announce))


@app.command(short_help="A barcode scanner on a serial line.")
def scanner(
    *,
    tcp_port: TcpPort = None,
    link: Link = None,
    control_port: ControlPort = 0,
    end: Annotated[Literal["cr", "lf", "crlf"], typer.Option(help="What it sends after each code.")] = "cr",
    baud_rate: Annotated[int, typer.Option(min=0, help="How fast its line is; 0: a code comes at once.")] = 0,
) -> None:
    """A barcode scanner on a new pseudo-terminal or a TCP port.

    Physical side: {"scan": "4006381333931", "symbology": "]E0"} holds a code before it (symbology may be left out),
    {"fault": "unplugged" | null} pulls and plugs the cable, {"get": true} asks for the state.
    """
    options = scanner_simulator.ScannerOptions(
        tcp_port=tcp_port, link=link, control_port=control_port, end=end, baud_rate=baud_rate
    )
    asyncio.run(scanner_simulator.run(options, announce))


@app.command(short_help="A Modbus TCP I/O module: belt, deactivator, EAS pedestals, barrier, lamps, tone.")
def io(
    *,
    port: Annotated[int, typer.Option(help="Modbus TCP port on 127.0.0.1; 0 takes a free one.")] = 0,
    control_port: ControlPort = 0,
    pulse_ms: Annotated[int, typer.Option(min=1, help="Width of its pulse outputs.")] = 500,
    gate_open_ms: Annotated[int, typer.Option(min=1, help="How long the barrier waits for a person.")] = 10_000,
    gate_close_ms: Annotated[int, typer.Option(min=1, help="How soon it closes behind one.")] = 300,
    watchdog_ms: Annotated[int, typer.Option(min=0, help="Outputs go off after so long without a request.")] = 5_000,
) -> None:
    """A Modbus TCP I/O module (Moxa E1212 registers) with an exit lane's machinery on its terminals.

    Physical side: {"pulse": "belt_items" | "tags_deactivated" | "eas_alarm" | "passages", "count": 2, "width_ms": 5},
    {"passage": 1} lets a person walk through, {"set": {"belt_occupied" | "gate_closed" | "fire_alarm": true}},
    {"fault": "unplugged" | "silent" | "restart" | null}, {"get": true} asks for the state and the gate's history.
    """
    options = io_simulator.IoOptions(
        port=port, control_port=control_port, pulse_ms=pulse_ms, gate_open_ms=gate_open_ms,
        gate_close_ms=gate_close_ms, watchdog_ms=watchdog_ms,
    )  # fmt: skip
    asyncio.run(io_simulator.run(options, announce))


@app.command(short_help="A UHF RFID reader at a gate that speaks LLRP.")
def rfid(
    *,
    port: Annotated[int, typer.Option(help="TCP port on 127.0.0.1, as 5084 on a real one; 0 takes a free one.")] = 0,
    control_port: ControlPort = 0,
    read_ms: Annotated[int, typer.Option(min=1, help="How often a tag that passes is read.")] = 40,
    shelf_ms: Annotated[int, typer.Option(min=1, help="How often one that lies nearby is read.")] = 400,
    seed: Annotated[int, typer.Option(help="Seed of signals and line noise.")] = 1,
) -> None:
    """A UHF RFID reader that speaks LLRP, and the tags that pass its antennas.

    Physical side: {"tags": [{"gtin": "06901234567892", "serial": "1", "reads": 6, "rssi_dbm": -48, "antenna": 1}]}
    carries tags past (or by their "epc"), {"shelf": [...]} lays tags within reach for good, {"noise": 3} is strange
    tags far away, {"fault": "unplugged" | "silent" | "busy" | "refuse" | "garbage" | "split" | "spoiled" | "antenna" |
    null}, {"get": true} asks for the state.
    """
    options = llrp_simulator.LlrpOptions(
        port=port, control_port=control_port, read_ms=read_ms, shelf_ms=shelf_ms, seed=seed
    )
    asyncio.run(llrp_simulator.run(options, announce))


@app.command(short_help="A receipt printer on a TCP port.")
def printer(
    *,
    port: Annotated[int, typer.Option(help="TCP port on 127.0.0.1, as 9100 on a real one; 0 takes a free one.")] = 0,
    control_port: ControlPort = 0,
    directory: Annotated[str | None, typer.Option(help="Where it keeps its jobs, one file each.")] = None,
) -> None:
    """An ESC/POS receipt printer that keeps each job as a file and answers status questions.

    Physical side: {"fault": "paper_out" | "cover_open" | "silent" | "unplugged" | null}, {"get": true} asks for the
    number of jobs and the last one in base64.
    """
    options = printer_simulator.PrinterOptions(port=port, control_port=control_port, directory=directory)
    asyncio.run(printer_simulator.run(options, announce))


@app.command(short_help="A ccTalk bus: coin acceptor, coin hoppers, bill validator.")
def cctalk(
    *,
    tcp_port: TcpPort = None,
    link: Link = None,
    control_port: ControlPort = 0,
    currency: Annotated[cctalk_simulator.Currency, typer.Option(help="What money it knows.")] = "CNY",
    hopper: Annotated[
        list[str] | None, typer.Option(help="A hopper and its stock, as CNY-100-coin=200; may be repeated.")
    ] = None,
    recycle: Annotated[bool, typer.Option(help="Coins that have a hopper fall into it.")] = False,
    echo: Annotated[bool, typer.Option(help="The host hears itself, as on the single wire.")] = True,
    bill_checksum: Annotated[Literal["sum", "crc"], typer.Option(help="The validator's checksum.")] = "crc",
    coin_ms: Annotated[int, typer.Option(min=0, help="How long a hopper takes for a coin.")] = 150,
    give_up_ms: Annotated[int, typer.Option(min=0, help="How long a hopper looks for a coin.")] = 1_000,
    stack_ms: Annotated[int, typer.Option(min=0, help="How long a note is on its way to the stacker.")] = 1_000,
    escrow_ms: Annotated[int, typer.Option(min=1, help="How long a note waits in escrow by itself.")] = 10_000,
    string_ms: Annotated[int, typer.Option(min=0, help="How soon a coin on a string is pulled out.")] = 200,
    stacker_capacity: Annotated[int, typer.Option(min=1, help="How many notes the stacker holds.")] = 600,
    seed: Annotated[int, typer.Option(help="Seed of line noise.")] = 1,
) -> None:
    """A coin acceptor (address 2), coin hoppers (3 and on) and a bill validator (40) on one ccTalk line.

    Physical side: {"insert": "CNY-100-coin", "how": null | "string" | "counterfeit" | "jam"}, {"power": "off" | "on" |
    "blink", "address": 2}, {"jam": true | false, "address": 3}, {"fill": 100, "address": 3}, {"stacker": "removed" |
    "replaced" | "full", "address": 40}, {"fault": "unplugged" | "silent" | "late" | "garbage" | "split" | null},
    {"cut_after_bytes": 17} pulls the cable then, {"get": true} asks where all money lies.
    """
    options = cctalk_simulator.CctalkOptions(
        tcp_port=tcp_port, link=link, control_port=control_port, currency=currency,
        hoppers=None if hopper is None else tuple(hopper), recycle=recycle, echo=echo, bill_checksum=bill_checksum,
        coin_ms=coin_ms, give_up_ms=give_up_ms, stack_ms=stack_ms, escrow_ms=escrow_ms, string_ms=string_ms,
        stacker_capacity=stacker_capacity, seed=seed,
    )  # fmt: skip
    asyncio.run(cctalk_simulator.run(options, announce))


@app.command(short_help="A note recycler that speaks SSP and eSSP.")
def note_recycler(
    *,
    tcp_port: TcpPort = None,
    link: Link = None,
    control_port: ControlPort = 0,
    denominations: Annotated[
        str, typer.Option(help="Its notes, as CNY-1000-note with commas between them.")
    ] = ",".join(recycler_simulator.DENOMINATIONS),
    encrypted: Annotated[bool, typer.Option(help="Want a key before it answers, as payout devices do.")] = True,
    poll_with_ack: Annotated[bool, typer.Option(help="Repeat events until they are acknowledged.")] = True,
    serial: Annotated[int, typer.Option(min=0, help="Its serial number.")] = 4_880_564,
    step_ms: Annotated[int, typer.Option(min=1, help="How long each movement of a note takes.")] = 150,
    boot_ms: Annotated[int, typer.Option(min=1, help="How long it takes to start.")] = 500,
    escrow_ms: Annotated[
        int, typer.Option(min=1, help="How long it holds a note without a word of the host.")
    ] = 10_000,
    store_notes_max: Annotated[int, typer.Option(min=0, help="Notes that its payout store holds.")] = 80,
    cashbox_notes_max: Annotated[int, typer.Option(min=0, help="Notes that its cashbox holds.")] = 600,
) -> None:
    """A note recycler (as NV200 with Smart Payout) on a new pseudo-terminal or a TCP port.

    Physical side: {"insert": "CNY-1000-note", "quality": "genuine" | "counterfeit" | "unknown"}, {"pull": true}
    pulls at it, {"jam": "safe" | "unsafe" | null}, {"cashbox": "full" | "removed" | "replaced"},
    {"refill": {"CNY-1000-note": 5}} adds to the payout store and {"store": {"CNY-1000-note": 5}} makes it so many,
    {"empty_store": true}, {"power": true | false}, {"fault": "unplugged" | "silent" | null}, {"get": true}. Each is
    answered with where every note lies, and what shoppers put in, got back and were paid.
    """
    options = recycler_simulator.RecyclerOptions(
        tcp_port=tcp_port, link=link, control_port=control_port, denominations=tuple(denominations.split(",")),
        encrypted=encrypted, poll_with_ack=poll_with_ack, serial=serial, step_ms=step_ms, boot_ms=boot_ms,
        escrow_ms=escrow_ms, store_notes_max=store_notes_max, cashbox_notes_max=cashbox_notes_max,
    )  # fmt: skip
    asyncio.run(recycler_simulator.run(options, announce))


if __name__ == "__main__":
    app()
