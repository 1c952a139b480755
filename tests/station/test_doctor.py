"""Doctor on a station's computer: a server that says what we let it say, for the lane and for the kiosk."""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import msgspec
import pytest
from tests.support.obedient_server import TOKEN, ObedientServer

from unqueue.kernel.findings import Check, Finding, examine
from unqueue.kernel.settings import Cash, CashDevice, Kiosk, Settings
from unqueue.kernel.settings_lane import Io, Lane, Scale
from unqueue.kiosk import doctor as kiosk_doctor
from unqueue.lane import doctor as lane_doctor
from unqueue.station import doctor

NOWHERE = "http://127.0.0.1:9"
_SCALE, _IO = Scale(port="/dev/no-such-scale"), Io(host="127.0.0.1", port=9)
LANE = Lane(id="lane-1", server_url=NOWHERE, token=TOKEN, port=0, scale=_SCALE, io=_IO)
KIOSK = Kiosk(id="kiosk-1", server_url=NOWHERE, token=TOKEN, port=0)
METHODS = "/api/payment-methods"


class Station(NamedTuple):
    """One kind of station as its doctor sees it."""

    kind: str
    own: Lane | Kiosk
    path: str
    server: Callable[..., Iterable[Finding]]
    checks: Callable[..., list[Check]]
    device_add: str

    def look_at_server(self, server: ObedientServer | None = None, **changes: str) -> list[Finding]:
        where = {"server_url": server.url} if server is not None else {}
        return list(self.server(msgspec.structs.replace(self.own, **where, **changes)))


STATIONS = [
    Station(
        "lane", LANE, "/api/lanes/lane-1/exits", lane_doctor.server, lane_doctor.checks, "unqueue device add lane-1,"
    ),
    Station(
        "kiosk",
        KIOSK,
        "/api/kiosks/kiosk-1/payments",
        kiosk_doctor.server,
        kiosk_doctor.checks,
        "unqueue device add kiosk-1 --kind kiosk,",
    ),
]


@pytest.fixture(autouse=True)
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "DEVICE_SECONDS", 0.1)
    monkeypatch.setattr(doctor, "TIMEOUT_SECONDS", 1.0)


@pytest.fixture(params=STATIONS, ids=lambda station: station.kind)
def station(request: pytest.FixtureRequest) -> Station:
    found: Station = request.param
    return found


@pytest.fixture
def server() -> Iterator[ObedientServer]:
    with ObedientServer().running() as running:
        methods = [{"id": "cash", "kind": "cash"}]
        running.answers = {"/api/health": (200, {}), METHODS: (200, methods)}
        running.answers |= {station.path: (200, []) for station in STATIONS}
        yield running


def levels(findings: Iterable[Finding]) -> list[tuple[str, str]]:
    return [(finding.about, finding.level) for finding in findings]


def test_a_server_that_knows_us_and_has_our_time(station: Station, server: ObedientServer) -> None:
    found = levels(station.look_at_server(server))
    assert found == [("server", "ok"), ("server clock", "ok"), ("token", "ok")]


def test_a_server_that_does_not_answer(station: Station) -> None:
    (finding,) = station.look_at_server()
    assert (finding.about, finding.level) == ("server", "failed")
    assert f"{station.kind}.server_url" in finding.mend


def test_a_server_that_is_not_well(station: Station, server: ObedientServer) -> None:
    server.answers["/api/health"] = (503, {})
    assert levels(station.look_at_server(server)) == [("server", "failed")]


@pytest.mark.parametrize(("ahead_s", "level"), [(10, "warning"), (-10, "warning"), (100, "failed"), (-3600, "failed")])
def test_a_server_with_another_time(station: Station, server: ObedientServer, ahead_s: float, level: str) -> None:
    server.clock_ahead_s = ahead_s
    findings = station.look_at_server(server)
    assert ("server clock", level) in levels(findings)
    assert any(("behind" if ahead_s > 0 else "ahead of") in finding.found for finding in findings)


def test_a_token_that_the_server_does_not_take(station: Station, server: ObedientServer) -> None:
    findings = station.look_at_server(server, token="old")
    assert levels(findings)[-1] == ("token", "failed")
    assert station.device_add in findings[-1].mend
    assert f"{station.kind}.token" in findings[-1].mend
    assert "old" not in findings[-1].found


def test_a_server_that_fails_at_what_it_is_asked(station: Station, server: ObedientServer) -> None:
    server.answers[station.path] = (500, {})
    findings = station.look_at_server(server)
    assert levels(findings)[-1] == ("token", "failed")
    assert "500" in findings[-1].found


def test_while_the_station_runs_it_speaks_for_its_devices(station: Station, server: ObedientServer) -> None:
    devices = {"scanner": "ready", "io": "busy", "printer": "failed", "server": "failed"}
    server.answers["/state"] = (200, {station.kind: station.own.id, "devices": devices})
    own = msgspec.structs.replace(station.own, server_url=server.url, port=server.port)
    found = dict(levels(examine(station.checks(Settings(), own))))
    assert [found[name] for name in (f"{station.kind} port", "scanner", "io", "printer", "server")] == [
        *("ok", "ok", "ok", "failed"),
        "ok",  # asked for directly
    ]


@pytest.mark.parametrize("answer", [(200, {"lane": "lane-2", "kiosk": "kiosk-2"}), (200, []), (200, b"?"), (404, {})])
def test_the_state_of_somebody_else_is_not_ours(
    station: Station, server: ObedientServer, answer: tuple[int, object]
) -> None:
    server.answers["/state"] = answer
    own = msgspec.structs.replace(station.own, port=server.port)
    assert doctor.running_state(own, station.kind) is None


@pytest.mark.parametrize(
    ("methods", "told"),
    [
        ([{"kind": "cash"}], []),
        ([{"kind": "stored_value"}], [("cash", "warning")]),
        ([], [("cash", "warning"), ("tenders", "failed")]),
    ],
)
def test_a_kiosk_with_cash_needs_a_server_that_knows_cash(
    server: ObedientServer, methods: list[dict[str, str]], told: list[tuple[str, str]]
) -> None:
    server.answers[METHODS] = (200, methods)
    coins = CashDevice(name="coins", driver="cctalk_coin_acceptor", port="/dev/null")
    own = msgspec.structs.replace(KIOSK, server_url=server.url, cash=Cash(devices=[coins]))
    assert levels(kiosk_doctor.server(own))[3:] == told
