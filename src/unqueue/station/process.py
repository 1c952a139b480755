"""A station as a process: its work and its screen, begun and ended together."""

import asyncio
import contextlib
import logging

import uvicorn
from litestar import Litestar

from unqueue.station.address import StationSettings
from unqueue.station.jobs import Job


def log_to_stderr() -> None:
    """What the process does, a line each, with the time; of its requests only what goes wrong."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)


async def serve(screen: Litestar, own: StationSettings, work: Job) -> None:
    """Work and serve the screen until told to stop. An error of the work ends both, and is raised."""
    server = uvicorn.Server(
        uvicorn.Config(
            screen,
            host=own.host,
            port=own.port,
            access_log=False,
            log_level="warning",
            timeout_graceful_shutdown=1,
        )
    )
    working, serving = asyncio.create_task(work), asyncio.create_task(server.serve())
    await asyncio.wait({working, serving}, return_when=asyncio.FIRST_COMPLETED)
    server.should_exit = True
    await serving
    working.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await working
