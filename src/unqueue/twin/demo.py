"""``unqueue demo``: a whole store on one machine. Server, lanes, device simulators and the wallet are processes of
their own, as they would be computers of their own; this one is the front door and the physical world between them.
"""

import asyncio
import contextlib
import datetime as dt
import logging
import random
import socket
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import segno
import uvicorn

from unqueue.devices.simulators.control import ControlClient
from unqueue.twin.certificate import lan_address, make_certificate
from unqueue.twin.client import StoreClient
from unqueue.twin.front import FrontDoor
from unqueue.twin.kiosk import FLOAT, FLOAT_OF_DEVICES, HOPPERS, KioskWorld
from unqueue.twin.plan import DemoStore, LanGuide, demo_app
from unqueue.twin.ports import free_port
from unqueue.twin.processes import Process, ProcessFailed, warm_up
from unqueue.twin.shoppers import Attendant, Diary, LanePlace, Mood, Pace, Shopper
from unqueue.twin.wallet import pay_in_wallet
from unqueue.twin.world import Good, LaneWorld

_log = logging.getLogger(__name__)
SIMULATORS = ("scale", "io", "scanner", "printer", "rfid")
KIOSK = "kiosk-1"
KIOSK_DEVICES: Mapping[str, tuple[str, ...]] = {
    "cctalk": (
        "cctalk",
        "--recycle",
        *(part for coin in HOPPERS.values() for part in ("--hopper", f"{coin}=0")),
    ),
    "recycler": ("note-recycler",),
    "terminal": (
        "card-terminal",
        "--protocol",
        "nexo",
        "--passphrase",
        "demo passphrase",
        "--key-identifier",
        "demo-key",
    ),
    "scanner": ("scanner",),
    "printer": ("printer",),
}
"""The simulated devices of the demo's pay kiosk, by what they are to it."""
WALLETS = ("wallet", "wechat-pay", "alipay", "unionpay", "sms", "head-office")
"""The sandboxes outside of the store: where the demo's shoppers pay, the phone that gets their receipts, and the head
office that vouches for staff. Each stands under its own name at the front door.
"""
READY_TIMEOUT_S = 60.0
MOODS: tuple[Mood, ...] = ("honest",) * 17 + ("forgetful",) * 2 + ("dishonest",)


class DemoOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What the visitor asked for. ``shoppers`` simulated people walk in at a time; ``lan`` opens it to phones;
    with a ``side_bay`` lanes send there what needs a person.
    """

    directory: Path
    port: int = 8000
    lan: bool = False
    shoppers: int = 0
    seed: int = 1
    side_bay: bool = False
    pace: Pace = Pace()


class Prepared(msgspec.Struct, frozen=True):
    """What a store that is ready to open consists of: settings files, goods, and the attendant's credentials.

    ``kiosk_stock`` is what the kiosk's books say lies in it for change; None for a kiosk that was never filled.
    """

    server_settings: Path
    lane_settings: Mapping[str, Path]
    lane_ports: Mapping[str, int]
    lane_tokens: Mapping[str, str]
    server_port: int
    kiosk_settings: Path
    kiosk_port: int
    kiosk_token: str
    kiosk_stock: Mapping[str, int] | None
    goods: Mapping[str, Good]
    names: Mapping[str, str]
    attendant: Mapping[str, str]


class Place(msgspec.Struct, frozen=True):
    """Where the store is to be built: addresses of the processes that stand already."""

    directory: Path
    public_url: str
    lanes: Mapping[str, Mapping[str, Mapping[str, Any]]]
    wallets: Mapping[str, Mapping[str, Any]]
    kiosk: Mapping[str, Mapping[str, Any]]
    side_bay: bool = False


Prepare = Callable[[Place], Awaitable[Prepared]]
Tell = Callable[[str], None]


class Demo:
    """The running demo. ``prepare`` writes database and settings; ``tell`` says what is going on."""

    def __init__(self, options: DemoOptions, prepare: Prepare, tell: Tell) -> None:
        self.options = options
        self.diary = Diary()
        self.processes: dict[str, Process] = {}
        self.store: DemoStore | None = None
        self._prepare = prepare
        self._tell = tell
        self._stack = contextlib.AsyncExitStack()
        self._random = random.Random(options.seed)  # noqa: S311  # repeatable, not secret
        self.failures: list[BaseException] = []
        self._tasks: set[asyncio.Task[Any]] = set()
        self._door_closed = asyncio.Event()
        self.public_url = ""
        self.prepared: Prepared | None = None

    async def open(self) -> None:
        """Start everything, and return when the first page can be opened."""
        options = self.options
        _refuse_port_in_use(options)
        warm_up()
        address = lan_address() if options.lan else "localhost"
        self.public_url = f"{'https' if options.lan else 'http'}://{address}:{options.port}"
        lanes = ("lane-1", "lane-2") if options.shoppers else ("lane-1",)
        self._tell("devices and wallet")
        devices, wallets, kiosk = await self._start_outside(lanes)
        self._tell("products, promotions, people")
        place = Place(options.directory, self.public_url, devices, wallets, kiosk, options.side_bay)
        prepared = self.prepared = await self._prepare(place)
        self._tell("server and lanes")
        await self._start_store(prepared)
        places = {lane: await self._lane_place(lane, devices[lane], prepared) for lane in lanes}
        kiosk_world = await self._kiosk_world(kiosk)
        await kiosk_world.fill(dict(prepared.kiosk_stock if prepared.kiosk_stock is not None else FLOAT))
        await self.start_kiosk()
        guide = LanGuide(self.public_url, _qr_svg(self.public_url)) if options.lan else None
        self.store = DemoStore(
            names=prepared.names,
            public_url=self.public_url,
            lan=guide,
            attendant=prepared.attendant,
            lanes=places,
            kiosks={KIOSK: kiosk_world},
        )
        await self._open_front_door(prepared, wallets, address)
        await self._until_ready(prepared, places)
        if prepared.kiosk_stock is None:
            self.spawn(self._book_float(prepared))
        if options.shoppers:
            self._let_shoppers_in(places["lane-2"])

    async def serve(self) -> None:
        """Run until cancelled."""
        await asyncio.Event().wait()

    async def close(self) -> None:
        """Stop the people, then the processes."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(process.stop() for process in self.processes.values()))
        await self._stack.aclose()

    def close_door(self) -> None:
        """Let no more simulated shoppers in; those who are inside finish."""
        self._door_closed.set()

    def spawn(self, coroutine: Any) -> None:
        task = asyncio.ensure_future(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[Any]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("a simulated person failed", exc_info=error)
            self.failures.append(error)

    async def start_process(self, name: str, *arguments: str, announces: bool = False) -> Process:
        """Start (again) one of the store's processes."""
        log = self.options.directory / "logs" / f"{name}.log"
        process = Process(name, arguments, log)
        self.processes[name] = process
        return await process.start(announces=announces)

    async def _start_outside(
        self, lanes: tuple[str, ...]
    ) -> tuple[dict[str, dict[str, Any]], dict[str, dict[str, Any]], dict[str, dict[str, Any]]]:
        """Devices by lane, wallets, and the kiosk's devices, each with what it said of itself."""
        names = [(lane, device) for lane in lanes for device in SIMULATORS]
        devices = [self.start_process(f"{lane}-{device}", "simulate", device, announces=True) for lane, device in names]
        kiosk = [
            self.start_process(f"{KIOSK}-{name}", "simulate", *words, *self._kept(name), announces=True)
            for name, words in KIOSK_DEVICES.items()
        ]
        started = await asyncio.gather(*map(self._start_wallet, WALLETS), *kiosk, *devices)
        said = iter([process.announced for process in started])
        wallets = {name: next(said) for name in WALLETS}
        at_kiosk = {name: next(said) for name in KIOSK_DEVICES}
        by_lane: dict[str, dict[str, Any]] = {lane: {} for lane in lanes}
        for (lane, device), announced in zip(names, said, strict=True):
            by_lane[lane][device] = announced
        return by_lane, wallets, at_kiosk

    def _kept(self, name: str) -> tuple[str, ...]:
        """A card terminal has books of its own; the other devices forget everything without power."""
        return ("--data-dir", str(self.options.directory / f"{KIOSK}-{name}")) if name == "terminal" else ()

    async def _start_wallet(self, name: str) -> Process:
        where = ["--data-dir", str(self.options.directory / name), "--public-url", f"{self.public_url}/{name}"]
        if name == "sms":
            where += ["--link-base", f"{self.public_url}/o/"]
        if name == "head-office":
            where += ["--redirect-uri", f"{self.public_url}/console/"]
        return await self.start_process(name, "simulate", name, "--port", str(free_port()), *where, announces=True)

    async def _start_store(self, prepared: Prepared) -> None:
        await asyncio.gather(
            self.start_server(),
            *(self.start_lane(lane) for lane in prepared.lane_settings),
        )

    async def cut_power(self, name: str) -> None:
        """End the server or a lane as a power cut would, and start it again."""
        process = self.processes[name]
        process.kill()
        await process.wait()
        await (self.start_server() if name == "server" else self.start_lane(name))

    async def start_server(self) -> None:
        assert self.prepared is not None, "prepare first"
        await self.start_process("server", "serve", "--settings", str(self.prepared.server_settings))

    async def start_lane(self, lane: str) -> None:
        assert self.prepared is not None, "prepare first"
        await self.start_process(lane, "lane", "--settings", str(self.prepared.lane_settings[lane]))

    async def start_kiosk(self) -> None:
        assert self.prepared is not None, "prepare first"
        await self.start_process(KIOSK, "kiosk", "--settings", str(self.prepared.kiosk_settings))

    async def _kiosk_world(self, devices: Mapping[str, Mapping[str, Any]]) -> KioskWorld:
        hands = {
            name: await self._stack.enter_async_context(ControlClient(int(device["control_port"])))
            for name, device in devices.items()
        }
        return KioskWorld(KIOSK, **hands)

    async def _book_float(self, prepared: Prepared) -> None:
        """The attendant signs for the float that was poured into a new kiosk."""
        client = StoreClient(
            f"http://127.0.0.1:{prepared.kiosk_port}", prepared.kiosk_token, patience_s=READY_TIMEOUT_S
        )
        try:
            for device, counts in FLOAT_OF_DEVICES.items():
                deed = {"id": f"float-{device}", "device": device, "by": prepared.attendant["name"], "counts": counts}
                await client.post("staff/cash/fill", deed)
        finally:
            await client.close()

    async def _lane_place(self, lane: str, devices: Mapping[str, Any], prepared: Prepared) -> LanePlace:
        controls = {
            device: await self._stack.enter_async_context(ControlClient(int(devices[device]["control_port"])))
            for device in ("scale", "io", "scanner", "rfid")
        }
        world = LaneWorld(lane, **controls, goods=prepared.goods, seed=self._random.getrandbits(32))
        world.start()
        self._stack.push_async_callback(world.stop)
        screen = StoreClient(f"http://127.0.0.1:{prepared.lane_ports[lane]}", patience_s=READY_TIMEOUT_S)
        server = StoreClient(f"http://127.0.0.1:{prepared.server_port}", prepared.lane_tokens[lane])
        self._stack.push_async_callback(screen.close)
        self._stack.push_async_callback(server.close)
        return LanePlace(world, screen, server)

    async def _open_front_door(
        self, prepared: Prepared, wallets: Mapping[str, Mapping[str, Any]], address: str
    ) -> None:
        assert self.store is not None, "the store is described first"
        front = FrontDoor()
        self._stack.push_async_callback(front.close)
        front.forward("/", f"http://127.0.0.1:{prepared.server_port}", strip=False)
        for name, wallet in wallets.items():
            front.forward(f"/{name}/", wallet["url"], strip=True)
        front.forward(f"/kiosks/{KIOSK}/", f"http://127.0.0.1:{prepared.kiosk_port}", strip=True)
        for lane, port in prepared.lane_ports.items():
            front.forward(f"/lanes/{lane}/", f"http://127.0.0.1:{port}", strip=True)
        pages = Path(__file__).parent.parent / "web_dist" / "demo"
        demo = demo_app(self.store, pages if pages.exists() else None)

        async def application(scope: Any, receive: Any, send: Any) -> None:
            is_ours = scope["type"] != "http" or scope["path"] == "/" or scope["path"].startswith("/demo")
            await (demo if is_ours else front)(scope, receive, send)

        secure: dict[str, Any] = {}
        if self.options.lan:
            now = dt.datetime.now(dt.UTC)
            certificate, key = make_certificate(self.options.directory / "tls", address, now)
            secure = {"ssl_certfile": str(certificate), "ssl_keyfile": str(key)}
        config = uvicorn.Config(
            application,
            host="0.0.0.0" if self.options.lan else "127.0.0.1",  # noqa: S104  # the visitor asked for the network
            port=self.options.port,
            log_level="warning",
            access_log=False,
            timeout_graceful_shutdown=1,
            **secure,
        )
        server = uvicorn.Server(config)
        server.capture_signals = contextlib.nullcontext  # type: ignore[assignment,method-assign]  # the command line has its own
        serving = asyncio.ensure_future(server.serve())

        async def stop() -> None:
            server.should_exit = True
            await serving

        self._stack.push_async_callback(stop)

    async def _until_ready(self, prepared: Prepared, places: Mapping[str, LanePlace]) -> None:
        """Wait for the server and the lanes; ProcessFailed with its last words if one of them ends instead."""
        server = StoreClient(f"http://127.0.0.1:{prepared.server_port}", patience_s=READY_TIMEOUT_S)
        ready: asyncio.Future[Any] = asyncio.gather(
            server.get("/api/health"), *(place.screen.get("state") for place in places.values())
        )
        parts = [self.processes[name] for name in ("server", *places)]
        ends = [asyncio.ensure_future(part.wait()) for part in parts]
        try:
            await asyncio.wait({ready, *ends}, return_when=asyncio.FIRST_COMPLETED)
            for part, end in zip(parts, ends, strict=True):
                if end.done():
                    raise ProcessFailed(f"{part.name} did not start:\n{part.last_words()}")
            await ready
        finally:
            ready.cancel()
            for end in ends:
                end.cancel()
            await asyncio.gather(ready, *ends, return_exceptions=True)
            await server.close()

    def _let_shoppers_in(self, place: LanePlace) -> None:
        assert self.prepared is not None, "prepare first"
        base_url = f"http://127.0.0.1:{self.prepared.server_port}"
        attendant = self.prepared.attendant
        helper = Attendant(base_url, attendant["name"], attendant["pin"], {place.world.lane: place}, self.options.pace)
        self.spawn(helper.work())
        for _ in range(self.options.shoppers):
            self.spawn(self._one_after_another(base_url, place))

    async def _one_after_another(self, base_url: str, place: LanePlace) -> None:
        """One place in the store, taken by one simulated shopper after the other."""
        assert self.prepared is not None, "prepare first"
        assert self.store is not None, "open first"
        goods = list(self.prepared.goods.values())
        while not self._door_closed.is_set():
            await asyncio.sleep(self._random.expovariate(1 / self.options.pace.arrival))
            if self._door_closed.is_set():
                return
            self.store.visits += 1
            shopper = Shopper(
                f"shopper-{self.store.visits}",
                self._random.choice(MOODS),
                base_url=base_url,
                goods=goods,
                lane=place,
                pay=pay_in_wallet,
                pace=self.options.pace,
                diary=self.diary,
                seed=self._random.getrandbits(32),
            )
            self.store.shoppers.append(shopper)
            try:
                await shopper.visit()
            finally:
                self.store.shoppers.remove(shopper)


def _refuse_port_in_use(options: DemoOptions) -> None:
    """ProcessFailed before anything is touched: another demo may be open."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("0.0.0.0" if options.lan else "127.0.0.1", options.port))  # noqa: S104  # as the front door will
        except OSError as error:
            mend = "Close what runs there (perhaps another demo), or choose another with --port."
            raise ProcessFailed(f"Port {options.port} can't be used: {error.strerror}. {mend}") from error


def _qr_svg(text: str) -> str:
    return segno.make(text, micro=False).svg_inline(border=4, omitsize=True, light="#fff", dark="#000")
