"""Tests that know what no store knows: every product's true weight and how it varies."""

import numpy as np

from unqueue.bench.weighing.store import INTERVAL_G, Floats, Sales, Store, per_order


def errors_sd(store: Store, sales: Sales, measured_g: Floats) -> Floats:
    """Each order's error in true standard deviations."""
    expected = per_order(sales.order, sales.quantity * store.true_g[sales.product] + sales.label_g, sales.count)
    own = sales.quantity * store.true_sd_g[sales.product] ** 2 + (sales.quantity * store.lot_sd_g[sales.product]) ** 2
    variance = per_order(sales.order, own, sales.count)
    variance += store.scale_sd_g(measured_g) ** 2 + INTERVAL_G**2 / 12
    errors: Floats = (measured_g - expected) / np.sqrt(variance)
    return errors


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
