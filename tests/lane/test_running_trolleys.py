"""A lane with a floor scale at work: whole trolleys on a plate that swings; one order makes a trolley known."""

from collections.abc import AsyncIterator, Iterator

import pytest
from tests.support.running_lane import LaneVisit, running_lane
from tests.support.running_store import Processes
from tests.support.stores import MILK, TEA

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

MILK_G, TEA_G, TROLLEY_G = 1060, 528, 21_730
CODE = "(8003)09521141123454A17"


@pytest.fixture(scope="module")
def processes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Processes]:
    directory = tmp_path_factory.mktemp("trolleys")
    with running_lane(directory, f"sqlite:///{directory}/store.db", weighs_trolleys=True) as running:
        yield running


@pytest.fixture
async def at_lane(processes: Processes) -> AsyncIterator[LaneVisit]:
    async with LaneVisit(processes) as visit:
        await visit.until("idle")
        yield visit
        assert "Traceback" not in processes.log("lane")


async def test_a_trolley_is_known_after_one_order(at_lane: LaneVisit) -> None:
    """The usual tare is too light for this one, and hides what its own tare shows."""
    first = await at_lane.buy(MILK, TEA)
    await at_lane.scanner.ask(scan=CODE)
    await at_lane.scanner.ask(scan=first["pass"])
    await at_lane.until("loading")
    await at_lane.lay(TROLLEY_G, MILK_G, TEA_G)
    await at_lane.until("open")
    await at_lane.walk()
    await at_lane.until("idle")

    second = await at_lane.buy(MILK)
    await at_lane.scanner.ask(scan=CODE)
    await at_lane.scanner.ask(scan=second["pass"])
    await at_lane.until("loading")
    await at_lane.lay(TROLLEY_G, MILK_G, 300)  # something unpaid, lighter than trolleys differ
    await at_lane.until("check")
    await at_lane.lay(TROLLEY_G, MILK_G)
    await at_lane.until("open")
    await at_lane.walk()
    await at_lane.until("idle")
