"""The demo's HTTP: what the landing page, the shelf and the belt panel ask of the simulated world."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
from litestar import Litestar, Response, delete, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, JSONBody
from litestar.response import File
from litestar.static_files import create_static_files_router

from unqueue.kernel.errors import DomainError, NotFound
from unqueue.twin.kiosk import Inserted, KioskWorld, Presented
from unqueue.twin.shoppers import LanePlace, Shopper


class LanGuide(msgspec.Struct, frozen=True):
    """How a phone finds the store: its address, and that as a QR code."""

    url: str
    svg: str


class LaidGood(msgspec.Struct, frozen=True):
    """``quantity`` pieces to lay on the belt; ``weight_g`` is the labelled weight of weighed goods."""

    gtin: str
    quantity: int = 1
    weight_g: int | None = None


class Laid(msgspec.Struct, frozen=True):
    goods: list[LaidGood]


class Shown(msgspec.Struct, frozen=True):
    code: str


class Plug(msgspec.Struct, frozen=True):
    """Whether the device's plug is in."""

    plugged: bool


class Roll(msgspec.Struct, frozen=True):
    """Whether there is paper in the printer."""

    there: bool


class Walk(msgspec.Struct, frozen=True):
    """``goods`` are pocketed ones: carried past the belt."""

    goods: list[LaidGood] = []


class DemoStore:
    """What the demo knows of itself."""

    def __init__(
        self,
        *,
        names: Mapping[str, str],
        public_url: str,
        lan: LanGuide | None,
        attendant: Mapping[str, str],
        lanes: Mapping[str, LanePlace],
        kiosks: Mapping[str, KioskWorld],
    ) -> None:
        self.names = names
        self.public_url = public_url
        self.lan = lan
        self.attendant = attendant
        self.lanes = lanes
        self.kiosks = kiosks
        self.shoppers: list[Shopper] = []
        self.visits = 0

    async def lane_states(self) -> list[dict[str, str]]:
        found = []
        for lane, place in self.lanes.items():
            try:
                state = await place.screen.get("state")
                found.append({"id": lane, "name": state["name"], "state": state["state"]})
            except TimeoutError:
                found.append({"id": lane, "name": lane.rpartition("-")[2], "state": "out_of_service"})
        return found

    async def describe(self) -> dict[str, Any]:
        """The plan of the store with what happens on it."""
        shown = [
            {"id": shopper.name, "where": shopper.where, "mood": shopper.mood, "items": shopper.items}
            for shopper in self.shoppers
            if shopper.where not in {"door", "gone"}
        ]
        return {
            "store": self.names,
            "public_url": self.public_url,
            "lan_url": self.lan.url if self.lan else None,
            "lan_qr_svg": self.lan.svg if self.lan else None,
            "attendant": self.attendant,
            "lanes": await self.lane_states(),
            "kiosks": [{"id": kiosk, "name": kiosk.rpartition("-")[2]} for kiosk in self.kiosks],
            "shoppers": shown,
            "totals": {"visits": self.visits, "inside": len(shown)},
        }

    def place(self, lane: FromPath[str]) -> LanePlace:
        place = self.lanes.get(lane)
        if place is None:
            raise NotFound
        return place

    def kiosk(self, kiosk: str) -> KioskWorld:
        world = self.kiosks.get(kiosk)
        if world is None:
            raise NotFound
        return world


async def describe_lane(place: LanePlace) -> dict[str, Any]:
    """What lies on a lane's belt, and what its devices show."""
    world = place.world
    belt: dict[str, dict[str, Any]] = {}
    for piece in world.belt:
        entry = belt.setdefault(
            piece.good.gtin,
            {
                "gtin": piece.good.gtin,
                "name_zh": piece.good.name_zh,
                "name_en": piece.good.name_en,
                "weight_g": 0,
                "tag_live": False,
                "count": 0,
            },
        )
        entry["weight_g"] += round(piece.weight_g)
        entry["tag_live"] = entry["tag_live"] or piece.tag_live
        entry["count"] += 1
    return {
        "belt": list(belt.values()),
        "scale_g": round(await world.scale_g()),
        "scale_plugged": await world.scale_is_plugged(),
        "gate": "open" if await world.gate_is_open() else "closed",
        "tags_live": sum(piece.tag_live for piece in (*world.belt, *world.taken)),
        "taken": len(world.taken),
        "order": await place.order_goods(),
    }


def demo_app(store: DemoStore, pages: Path | None) -> Litestar:
    """The ASGI application of the demo's own pages and API; ``pages`` is the folder of the built screen, if any."""
    handlers: list[Any] = [*_api(store)]
    if pages is not None:
        index = pages / "index.html"

        @get(["/", "/demo", "/demo/shop", "/demo/lane", "/demo/kiosk"], include_in_schema=False, sync_to_thread=False)
        def page() -> File:
            return File(index, media_type="text/html; charset=utf-8", content_disposition_type="inline")

        handlers += [page, create_static_files_router(path="/demo", directories=[pages], include_in_schema=False)]
    return Litestar(
        route_handlers=handlers,
        openapi_config=None,
        logging_config=None,
        exception_handlers={DomainError: _problem},
    )


def _api(store: DemoStore) -> list[HTTPRouteHandler]:
    @get("/demo/api/store")
    async def read_store() -> dict[str, Any]:
        return await store.describe()

    @get("/demo/api/lanes/{lane:str}")
    async def read_lane(lane: FromPath[str]) -> dict[str, Any]:
        return await describe_lane(store.place(lane))

    @post("/demo/api/lanes/{lane:str}/belt", status_code=200)
    async def lay(lane: FromPath[str], data: JSONBody[Laid]) -> dict[str, Any]:
        place = store.place(lane)
        await place.world.lay([place.world.in_hand(good.gtin, good.weight_g) for good in _each(data.goods)])
        return await describe_lane(place)

    @delete("/demo/api/lanes/{lane:str}/belt", status_code=200)
    async def take_off(lane: FromPath[str]) -> dict[str, Any]:
        place = store.place(lane)
        await place.world.take_off()
        return await describe_lane(place)

    @post("/demo/api/lanes/{lane:str}/scale", status_code=200)
    async def plug_scale(lane: FromPath[str], data: JSONBody[Plug]) -> dict[str, Any]:
        place = store.place(lane)
        await place.world.plug_scale(plugged=data.plugged)
        return await describe_lane(place)

    @post("/demo/api/lanes/{lane:str}/scanner", status_code=200)
    async def show(lane: FromPath[str], data: JSONBody[Shown]) -> dict[str, Any]:
        place = store.place(lane)
        await place.world.show(data.code)
        return await describe_lane(place)

    @post("/demo/api/lanes/{lane:str}/walk", status_code=200)
    async def walk(lane: FromPath[str], data: JSONBody[Walk]) -> dict[str, Any]:
        place = store.place(lane)
        if not await place.world.gate_is_open():
            return {**await describe_lane(place), "through": False, "live_tags": 0}
        pocketed = [place.world.in_hand(good.gtin, good.weight_g) for good in _each(data.goods)]
        await place.world.put_back()  # what was taken off and is neither laid again nor carried stays in the store
        live = await place.world.walk(pocketed)
        return {**await describe_lane(place), "through": live is not None, "live_tags": live or 0}

    return [read_store, read_lane, lay, take_off, plug_scale, show, walk, *_kiosk_api(store)]


def _kiosk_api(store: DemoStore) -> list[HTTPRouteHandler]:
    @get("/demo/api/kiosks/{kiosk:str}")
    async def read_kiosk(kiosk: FromPath[str]) -> dict[str, Any]:
        return await store.kiosk(kiosk).describe()

    @post("/demo/api/kiosks/{kiosk:str}/cash", status_code=200)
    async def insert(kiosk: FromPath[str], data: JSONBody[Inserted]) -> dict[str, Any]:
        world = store.kiosk(kiosk)
        await world.insert(data)
        return await world.describe()

    @post("/demo/api/kiosks/{kiosk:str}/card", status_code=200)
    async def present(kiosk: FromPath[str], data: JSONBody[Presented]) -> dict[str, Any]:
        world = store.kiosk(kiosk)
        await world.present(data)
        return await world.describe()

    @post("/demo/api/kiosks/{kiosk:str}/scanner", status_code=200)
    async def show_kiosk(kiosk: FromPath[str], data: JSONBody[Shown]) -> dict[str, Any]:
        world = store.kiosk(kiosk)
        await world.show(data.code)
        return await world.describe()

    @post("/demo/api/kiosks/{kiosk:str}/paper", status_code=200)
    async def paper(kiosk: FromPath[str], data: JSONBody[Roll]) -> dict[str, Any]:
        world = store.kiosk(kiosk)
        await world.paper(there=data.there)
        return await world.describe()

    return [read_kiosk, insert, present, show_kiosk, paper]


def _each(goods: list[LaidGood]) -> list[LaidGood]:
    return [good for good in goods for _ in range(max(0, min(good.quantity, 99)))]


def _problem(_: Any, error: DomainError) -> Response[dict[str, Any]]:
    return Response(error.problem(), status_code=error.status, media_type="application/problem+json")
