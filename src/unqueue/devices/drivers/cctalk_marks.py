"""Marks of ccTalk acceptors: how far their events have been told. Pure.

A mark is `serial number:counter.part#number`: the device's own event counter, and how many parts of the event after it
are told already (one event of the device can be two of ours). The number only tells marks of the same place apart.
"""

import re
from typing import NamedTuple, Self

_MARK = re.compile(r"(\d+):(\d{1,3})\.(\d)(r?)(?:#\d+)?")


class Position(NamedTuple):
    """A place between two events of one device."""

    serial_number: int
    counter: int
    part: int = 0
    at_rest: bool = False
    """Nothing can have been taken after it: somebody knew that when the mark was handed back."""

    def mark(self, number: int) -> str:
        """
        >>> Position(4711, 17).mark(3)
        '4711:17.0#3'
        """
        return f"{self.serial_number}:{self.counter}.{self.part}{'r' if self.at_rest else ''}#{number}"

    @classmethod
    def parse(cls, mark: str) -> Self:
        """What `mark` wrote. ValueError for anything else.

        >>> Position.parse("4711:17.1r#3")
        Position(serial_number=4711, counter=17, part=1, at_rest=True)
        """
        found = _MARK.fullmatch(mark)
        if found is None or int(found[2]) > 255:
            raise ValueError(f"{mark!r} is no mark of a ccTalk device")
        return cls(int(found[1]), int(found[2]), int(found[3]), bool(found[4]))


def at_rest(mark: str) -> str:
    """The same mark, for a hearer who knows that everything was told up to it and nothing has been taken since (it had
    told the device to take nothing, and wrote that down): a device that was switched off overnight is no riddle then.

    >>> at_rest("4711:17.0#3")
    '4711:17.0r#0'
    """
    return Position.parse(mark)._replace(at_rest=True).mark(0)
