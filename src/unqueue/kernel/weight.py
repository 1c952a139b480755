"""Weight: whole grams, and the interval of the scale that measured them."""

import msgspec


class Reading(msgspec.Struct, frozen=True):
    """A stable weighing: ``net_g`` grams, on a scale that shows steps of ``interval_g`` grams (OIML R 76 "e")."""

    net_g: int
    interval_g: int


def permissible_error_g(load_g: float, interval_g: float) -> float:
    """How far a class III scale may be off at its verification; in service twice that. OIML R 76-1 table 6, 3.5.2.

    >>> permissible_error_g(1000, 5), permissible_error_g(-8000, 5), permissible_error_g(12_000, 5)
    (2.5, 5.0, 7.5)
    """
    intervals = abs(load_g) / interval_g
    return interval_g * (0.5 if intervals <= 500 else 1.0 if intervals <= 2000 else 1.5)


def format_g(grams: int) -> str:
    """Grams below a kilogram, kilograms from there on.

    >>> format_g(850), format_g(1250), format_g(12000)
    ('850 g', '1.25 kg', '12 kg')
    """
    if abs(grams) < 1000:
        return f"{grams} g"
    return f"{grams / 1000:.3f}".rstrip("0").rstrip(".") + " kg"
