"""What `unqueue doctor` looks at on any machine: clock, disk, ports, screens, files that must stay private."""

import ctypes
import errno
import os
import shutil
import socket
import stat
import sys
import time
import zoneinfo
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from unqueue.kernel.findings import Finding, failed, ok, warning

DISK_BYTES_NEEDED = 200_000_000
DISK_BYTES_WANTED = 2_000_000_000
CLOCK_STEP_SECONDS_MAX = 0.05
CLOCK_DRIFT_SECONDS_WARNING = 3.0
CLOCK_DRIFT_SECONDS_FAILED = 30.0
RELEASED = datetime(2026, 1, 1, tzinfo=UTC)
"""No clock that is right shows an earlier time than this."""
PortState = Literal["free", "taken", "forbidden", "no address"]
_PORT_STATES: dict[int, PortState] = {
    errno.EADDRINUSE: "taken",
    errno.EACCES: "forbidden",
    errno.EADDRNOTAVAIL: "no address",
    socket.EAI_NONAME: "no address",
    socket.EAI_AGAIN: "no address",
}
_SAMPLE_SECONDS = 0.2
_TIME_ERROR = 5  # adjtimex(2): "the system clock is not synchronized to a reliable server"
_TIMEX_BYTES = 1024  # struct timex has 208 bytes on 64-bit Linux; the kernel writes no more than its own


def clock(time_zone: str) -> Iterator[Finding]:
    """The machine's clock: plausible, steady, kept by somebody; and the store's time zone."""
    now = datetime.now(UTC)
    if now < RELEASED:
        yield failed("clock", f"says {now:%Y-%m-%d}, which is long past", "Set it: timedatectl set-ntp true")
    else:
        yield ok("clock", f"{now:%Y-%m-%d %H:%M:%S} UTC")
    step = _wall_step(_SAMPLE_SECONDS)
    if abs(step) > CLOCK_STEP_SECONDS_MAX:
        found = f"jumped by {step:+.2f} s within {_SAMPLE_SECONDS} s"
        yield warning("clock", found, "Something sets it in steps. Let one service keep it, such as chrony.")
    if sys.platform == "linux" and _is_unsynchronised():
        yield warning("clock", "is kept by nobody (no NTP)", "timedatectl set-ntp true, or apt-get install chrony")
    try:
        local = now.astimezone(zoneinfo.ZoneInfo(time_zone))
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        yield failed("time zone", f"no data for {time_zone}", "pip install --upgrade tzdata")
    else:
        yield ok("time zone", f"{time_zone}: {local:%H:%M} in the store now")


def clock_against(about: str, ahead_seconds: float, other: str) -> Finding:
    """This clock against another one; `ahead_seconds` is how far this one is ahead."""
    found = f"{abs(ahead_seconds):.1f} s {'ahead of' if ahead_seconds >= 0 else 'behind'} {other}"
    mend = "Set both clocks by NTP: timedatectl set-ntp true"
    if abs(ahead_seconds) > CLOCK_DRIFT_SECONDS_FAILED:
        return failed(about, found, mend)
    if abs(ahead_seconds) > CLOCK_DRIFT_SECONDS_WARNING:
        return warning(about, found, mend)
    return ok(about, f"agrees with {other}")


def disk(directory: Path) -> Iterator[Finding]:
    """Room to write where the data lives."""
    place = directory
    while not place.exists() and place != place.parent:
        place = place.parent
    if not os.access(place, os.W_OK | os.X_OK):
        mend = f"Give it to this user: chown $(id -u) {place}"
        yield failed("data directory", f"{place} can't be written to", mend)
    free = shutil.disk_usage(place).free
    found = f"{free / 1e9:.1f} GB free at {directory}"
    if free < DISK_BYTES_NEEDED:
        yield failed("disk", found, "Make room before the store opens: without it no sale can be recorded.")
    elif free < DISK_BYTES_WANTED:
        yield warning("disk", found, "Make room soon.")
    else:
        yield ok("disk", found)


def port_state(host: str, number: int) -> PortState:
    """Whether a server could listen there now. OSError where the system says something else."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: closed connections don't count
        try:
            probe.bind((host, number))
            probe.listen(1)
        except OSError as error:
            if state := _PORT_STATES.get(error.errno or 0):
                return state
            raise
    return "free"


def port(about: str, host: str, number: int, *, ours: bool) -> Finding:
    """Whether a server can listen; `ours` says that the one who listens already is Unqueue itself."""
    at = f"{host}:{number}"
    state = port_state(host, number) if number else "free"
    if state == "taken" and ours:
        return ok(about, f"Unqueue answers at {at}")
    find = f"Find out which: ss -ltnp 'sport = :{number}'. Stop it, or take another port in the settings."
    return {
        "free": ok(about, f"{at} is free (nothing runs there now)"),
        "taken": failed(about, f"another program has {at}", find),
        "forbidden": failed(about, f"{at} is for root only", "Take a port from 1024 up, behind a proxy."),
        "no address": failed(about, f"this machine has no address {host}", 'Take one of its own, or host = "0.0.0.0".'),
    }[state]


def private(about: str, file: Path, *, needed: bool = True) -> Iterator[Finding]:
    """A file (or directory) that only its owner may read."""
    try:
        mode = stat.S_IMODE(file.stat().st_mode)
    except FileNotFoundError:
        if needed:
            yield failed(about, f"{file} is not there", "Put it there, or correct the path in the settings.")
        return
    except OSError as error:
        yield failed(about, f"{file}: {error.strerror}", "Let this user read it.")
        return
    wanted = "700" if file.is_dir() else "600"
    if mode & 0o077 and os.name == "posix":
        yield failed(about, f"others can read {file} (mode {mode:o})", f"chmod {wanted} {file}")
    elif not os.access(file, os.R_OK):
        yield failed(about, f"this user can't read {file}", f"chown $(id -u) {file}")
    else:
        yield ok(about, f"{file} is private")


def screens(about: str, directory: Path, names: list[str]) -> Finding:
    """The built web screens."""
    missing = [name for name in names if not (directory / name / "index.html").is_file()]
    if missing:
        mend = "In a checkout: make install. Otherwise install the package again."
        return failed(about, f"not built: {', '.join(missing)}", mend)
    return ok(about, ", ".join(names))


def _wall_step(seconds: float) -> float:
    """How far the wall clock went beside the monotonic one."""
    wall, steady = time.time(), time.monotonic()
    time.sleep(seconds)
    return (time.time() - wall) - (time.monotonic() - steady)


def _is_unsynchronised() -> bool:
    try:
        adjtimex = ctypes.CDLL(None, use_errno=True).adjtimex
    except (OSError, AttributeError):
        return False
    return bool(adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES)) == _TIME_ERROR)  # all zero: only asks
