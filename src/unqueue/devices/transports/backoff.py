"""How long to wait before trying again."""

import math


def backoff_s(failures: int, shortest_s: float = 0.1, longest_s: float = 5.0) -> float:
    """The pause after the nth failure in a row: it doubles, up to the longest.

    >>> [backoff_s(failures) for failures in (1, 2, 3, 9, 10_000)]
    [0.1, 0.2, 0.4, 5.0, 5.0]
    """
    doublings = min(failures - 1, math.ceil(math.log2(longest_s / shortest_s)))
    return min(longest_s, shortest_s * float(2**doublings))
