"""A Modbus I/O module as data: where its inputs, counters and outputs are, what is wired to them, and how to count.

Source of the default map: Moxa ioLogik E1200 Series User's Manual, appendix A, "E1212 Modbus Mapping". Addresses
here are those of the protocol (0-based), so reference 30017 is input register 0x0010.
"""

from collections.abc import Mapping, Sequence
from typing import Self

import msgspec


class RegisterMap(msgspec.Struct, frozen=True):
    """Where a module keeps channel 0 of each kind. Discrete inputs and coils take one address per channel."""

    name: str
    channels: int
    """Channels of each kind, at most."""
    inputs_at: int
    """Discrete inputs (function 2)."""
    counters_at: int
    """Input registers (function 4) that count the rising edges of the inputs."""
    counter_words: int
    """Registers of a counter, high word first: 1 (counts to 65,535) or 2."""
    coils_at: int
    """Coils (functions 1, 5) that hold their level."""
    pulse_coils_at: int
    """Coils that give one pulse, whose width is set in the module."""
    counter_run_at: int | None = None
    """Coils that start (1) and stop (0) a counter, if the module has them. A stopped counter misses pulses."""
    counter_clear_at: int | None = None
    """Coils that clear a counter when 1 is written."""
    device_id: int = 1


MOXA_E1212 = RegisterMap(
    name="Moxa ioLogik E1212",
    channels=8,
    inputs_at=0x0000,  # 10001
    counters_at=0x0010,  # 30017
    counter_words=2,
    coils_at=0x0000,  # 00001
    pulse_coils_at=0x0010,  # 00017
    counter_run_at=0x0100,  # 00257
    counter_clear_at=0x0110,  # 00273
)


class Wiring(msgspec.Struct, frozen=True):
    """What hangs on which channel: name → channel, for each kind. Channels of counters and inputs are the same
    terminals, and so are those of coils and pulse coils: a channel has one use.
    """

    counters: dict[str, int]
    inputs: dict[str, int]
    coils: dict[str, int]
    pulse_coils: dict[str, int]

    def moved(self, channels: Mapping[str, int]) -> Self:
        """The same with single signals on other channels. ValueError for an unknown name or a channel used twice.

        >>> LANE_WIRING.moved({"gate_open": 6}).pulse_coils
        {'gate_open': 6}
        """
        kinds = [self.counters, self.inputs, self.coils, self.pulse_coils]
        unknown = set(channels) - {name for kind in kinds for name in kind}
        if unknown:
            raise ValueError(f"no such signal: {', '.join(sorted(unknown))}")
        moved = type(self)(*({name: channels.get(name, at) for name, at in kind.items()} for kind in kinds))
        for one, other in ((moved.counters, moved.inputs), (moved.coils, moved.pulse_coils)):
            used = [*one.values(), *other.values()]
            if len(set(used)) < len(used):
                raise ValueError(f"two signals on one channel: {one | other}")
        return moved


LANE_WIRING = Wiring(
    counters={"belt_items": 0, "tags_deactivated": 1, "eas_alarm": 2, "passages": 3},
    inputs={"belt_occupied": 4, "gate_closed": 5, "fire_alarm": 6},
    coils={"belt_run": 0, "deactivator_on": 1, "lamp_green": 2, "lamp_red": 3, "tone": 4},
    pulse_coils={"gate_open": 5},
)


def counter_value(words: Sequence[int]) -> int:
    """The value of a counter's registers, high word first.

    >>> counter_value([1, 2])
    65538
    """
    value = 0
    for word in words:
        value = value << 16 | word
    return value


def counter_words(value: int, words: int) -> list[int]:
    """A counter's registers, high word first.

    >>> counter_words(65538, 2)
    [1, 2]
    """
    return [value >> 16 * place & 0xFFFF for place in reversed(range(words))]


class Counter(msgspec.Struct, frozen=True):
    """A total that goes on where the module's own counter wraps around or starts again.

    `total` begins with the module's first value, so that it means the same to two readers as long as the module runs.
    """

    total: int
    raw: int
    restarts: int = 0

    def advanced(self, raw: int, *, words: int, pulses_max: int = 10_000) -> Self:
        """After the module showed `raw`. A step of up to `pulses_max` is believed, also across the wrap; any other
        means that the module began again from nothing, and what it counted since then is `raw`.

        >>> Counter(total=65_534, raw=65_534).advanced(3, words=1)
        Counter(total=65539, raw=3, restarts=0)
        >>> Counter(total=20_000, raw=20_000).advanced(3, words=1)
        Counter(total=20003, raw=3, restarts=1)
        """
        step = (raw - self.raw) % (1 << 16 * words)
        if step <= pulses_max:
            return type(self)(self.total + step, raw, self.restarts)
        return type(self)(self.total + raw, raw, self.restarts + 1)
