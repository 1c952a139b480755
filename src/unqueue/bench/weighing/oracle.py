"""Tests that know what no store knows: every product's true weight and how it varies."""

import numpy as np

from unqueue.bench.weighing.store import FAULTS, INTERVAL_G, Floats, Sales, Store, per_order


def errors_sd(store: Store, sales: Sales, measured_g: Floats) -> Floats:
    """Each order's error in true standard deviations."""
    error_g, sd_g = errors(store, sales, measured_g)
    return error_g / sd_g


def errors(store: Store, sales: Sales, measured_g: Floats) -> tuple[Floats, Floats]:
    """Each order's error, and the standard deviation of what it would be if nothing were wrong, in grams."""
    expected = per_order(sales.order, sales.quantity * store.true_g[sales.product] + sales.label_g, sales.count)
    own = sales.quantity * store.true_sd_g[sales.product] ** 2 + (sales.quantity * store.lot_sd_g[sales.product]) ** 2
    variance = per_order(sales.order, own, sales.count)
    variance += store.scale_sd_g(measured_g) ** 2 + INTERVAL_G**2 / 12
    return measured_g - expected, np.sqrt(variance)


def named(store: Store, sales: Sales, order: int, error_g: float, sd_g: float) -> int:
    """The product likeliest behind a wrong order, by who knows all true weights and how often each fault happens."""
    lines = np.flatnonzero(sales.order == order)
    product, share = sales.product[lines], 1 / len(lines)
    own_g, own_sd = store.true_g[product], np.hypot(store.true_sd_g[product], store.lot_sd_g[product])
    # A weighed product's label says what its content weighs: nobody knows that of one that was not scanned.
    content_g = np.where(store.kind == 1, 500.0, 0.0)
    other_g, other_sd = store.true_g + content_g, np.hypot(store.true_sd_g, np.where(store.kind == 1, 231.0, 0.0))
    missed = FAULTS[0] * store.popularity * _bell(error_g - other_g, np.hypot(sd_g, other_sd))
    without = np.sqrt(np.maximum(sd_g**2 - own_sd**2, sd_g**2 / 4))
    more = FAULTS[1] * share * _bell(error_g - own_g, np.hypot(sd_g, own_sd))
    fewer = FAULTS[2] * share * _bell(error_g + own_g, without)
    instead = _bell(error_g + own_g[:, None] - other_g, np.hypot(without[:, None], other_sd))
    swapped = FAULTS[3] * share * (instead @ store.popularity)
    chance = missed.copy()
    np.add.at(chance, product, more + fewer + swapped)
    return int(chance.argmax())


def _bell(x: Floats, sd: Floats) -> Floats:
    found: Floats = np.exp(-((x / sd) ** 2) / 2) / sd
    return found


def found(right: Floats, wrong: Floats, false_alarm: float) -> float:
    """The share of orders with one thing too much that are found where ``false_alarm`` of the right ones are, by who
    looks for what is too heavy only. ``right``, ``wrong``: errors in standard deviations.
    """
    return float((wrong > np.quantile(right, 1 - false_alarm)).mean())


def fixed_bands(expected_g: Floats, right_g: Floats, wrong_g: Floats) -> dict[str, tuple[float, float]]:
    """What everybody else does: a band around the expected weight. Name → false alarms, found."""
    bands = {
        "±2 %": 0.02 * expected_g,
        "±5 %": 0.05 * expected_g,
        "max(50 g, 2 %)": np.maximum(50.0, 0.02 * expected_g),
    }
    return {
        name: (float((np.abs(right_g) > band).mean()), float((np.abs(wrong_g) > band).mean()))
        for name, band in bands.items()
    }
