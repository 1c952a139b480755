"""HTTP of trips."""

from typing import Any

import msgspec
from litestar import Request, Response, delete, get, patch, post
from litestar.datastructures import State
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, FromQuery, JSONBody

from unqueue.kernel.errors import InvalidRequest
from unqueue.server.access import bearer
from unqueue.server.catalogue.service import ProductView
from unqueue.server.trips.basket import Basket, BatchAnswer, ScanAnswer
from unqueue.server.trips.model import QuantityInvalid
from unqueue.server.trips.requests import Batch, OpenedTrip, Scan
from unqueue.server.trips.service import Trips

AnyRequest = Request[Any, Any, State]


class NewTrip(msgspec.Struct, frozen=True):
    """``language`` is ``zh`` or ``en``; ``member`` is a member's card number, or a code of a member's card."""

    language: str = "zh"
    member: str | None = None


class Opened(msgspec.Struct, frozen=True):
    """``basket_key``: seals a basket that is handed to a kiosk while there is no network."""

    id: str
    token: str
    basket: Basket
    basket_key: str | None


class NewQuantity(msgspec.Struct, frozen=True):
    quantity: int


def json_response(body: bytes, status: int = 200) -> Response[bytes]:
    """A response whose JSON is ready."""
    return Response(body, media_type="application/json", status_code=status)


def _address(request: AnyRequest) -> str:
    return request.client.host if request.client is not None else ""


def routes(trips: Trips) -> list[HTTPRouteHandler]:
    @post("/api/trips", status_code=201, tags=["trips"], responses={201: ResponseSpec(Opened, generate_examples=False)})
    async def open_trip(data: JSONBody[NewTrip], request: AnyRequest) -> Response[bytes]:
        """Start a visit: its id and its secret token. 429 ``too_many_guesses`` after a few numbers of no member."""
        if data.language not in {"zh", "en"}:
            raise InvalidRequest(problem="language must be zh or en")
        opened: OpenedTrip = await trips.open(data.language, data.member, _address(request))
        return json_response(msgspec.json.encode(opened), 201)

    @get("/api/trips/{trip_id:str}", tags=["trips"], responses={200: ResponseSpec(Basket, generate_examples=False)})
    async def read_trip(trip_id: FromPath[str], request: AnyRequest) -> Response[bytes]:
        """The whole priced basket."""
        live = await trips.owned(trip_id, bearer(request))
        trips.note(live, "trip.viewed", {"version": live.trip.version})
        return json_response(trips.basket(live))

    @post(
        "/api/trips/{trip_id:str}/scans",
        status_code=200,
        tags=["trips"],
        responses={200: ResponseSpec(ScanAnswer, generate_examples=False)},
    )
    async def scan(trip_id: FromPath[str], data: JSONBody[Scan], request: AnyRequest) -> Response[bytes]:
        """Put what a code stands for into the basket. The same id again is the same scan."""
        live = await trips.owned(trip_id, bearer(request))
        return json_response(await trips.scan(live, data, _address(request)))

    @patch(
        "/api/trips/{trip_id:str}/lines/{line:int}",
        tags=["trips"],
        responses={200: ResponseSpec(ScanAnswer, generate_examples=False)},
    )
    async def change_line(
        trip_id: FromPath[str], line: FromPath[int], data: JSONBody[NewQuantity], request: AnyRequest
    ) -> Response[bytes]:
        """Set a line's quantity."""
        if data.quantity < 1:
            raise QuantityInvalid
        live = await trips.owned(trip_id, bearer(request))
        return json_response(await trips.change(live, line, data.quantity))

    @delete(
        "/api/trips/{trip_id:str}/lines/{line:int}",
        status_code=200,
        tags=["trips"],
        responses={200: ResponseSpec(ScanAnswer, generate_examples=False)},
    )
    async def delete_line(trip_id: FromPath[str], line: FromPath[int], request: AnyRequest) -> Response[bytes]:
        """Take a line off."""
        live = await trips.owned(trip_id, bearer(request))
        return json_response(await trips.change(live, line, 0))

    @post(
        "/api/trips/{trip_id:str}/lines:batch",
        status_code=200,
        tags=["trips"],
        responses={200: ResponseSpec(BatchAnswer, generate_examples=False)},
    )
    async def batch(trip_id: FromPath[str], data: JSONBody[Batch], request: AnyRequest) -> Response[bytes]:
        """Add, set and delete many lines and coupons at once."""
        live = await trips.owned(trip_id, bearer(request))
        return json_response(await trips.batch(live, data, _address(request)))

    @get("/api/trips/{trip_id:str}/products", tags=["trips"])
    async def look_at_product(trip_id: FromPath[str], code: FromQuery[str], request: AnyRequest) -> ProductView:
        """What the shopper may know of a product, without adding it."""
        live = await trips.owned(trip_id, bearer(request))
        return await trips.look_at(live, code)

    return [open_trip, read_trip, scan, change_line, delete_line, batch, look_at_product, *_coupon_routes(trips)]


def _coupon_routes(trips: Trips) -> list[HTTPRouteHandler]:
    @delete(
        "/api/trips/{trip_id:str}/coupons/{coupon:int}",
        status_code=200,
        tags=["trips"],
        responses={200: ResponseSpec(ScanAnswer, generate_examples=False)},
    )
    async def delete_coupon(trip_id: FromPath[str], coupon: FromPath[int], request: AnyRequest) -> Response[bytes]:
        """Take a coupon out of the basket."""
        live = await trips.owned(trip_id, bearer(request))
        return json_response(await trips.remove_coupon(live, coupon))

    return [delete_coupon]
