"""Weight: whole grams, and the interval of the scale that measured them."""

import msgspec


class Reading(msgspec.Struct, frozen=True):
    """A stable weighing: ``net_g`` grams, on a scale that shows steps of ``interval_g`` grams (OIML R 76 "e")."""

    net_g: int
    interval_g: int


def format_g(grams: int) -> str:
    """Grams below a kilogram, kilograms from there on.

    >>> format_g(850), format_g(1250), format_g(12000)
    ('850 g', '1.25 kg', '12 kg')
    """
    if abs(grams) < 1000:
        return f"{grams} g"
    return f"{grams / 1000:.3f}".rstrip("0").rstrip(".") + " kg"
