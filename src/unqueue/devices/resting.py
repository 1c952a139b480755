"""What a whole trolley weighs on a floor scale, from the scale's stream, before it has come to rest. Pure.

A platform with a trolley on it swings: load = weight + A·exp(−d·t)·cos(2π·f·t + φ) + noise. Waiting until the readings
stand still costs seconds. Fitted, the weight is known after about one swing, and with how much doubt: least squares for
weight, slope and swing, frequency and decay refined by Gauss and Newton (Seber and Wild, Nonlinear Regression, 1989,
2.1.3). What the model does not explain within the scale's own noise is not at rest: a trolley that rolls, a hand that
pushes, something that is being put in.

What no scale can tell: a hand or a foot that presses evenly, and a trolley that stands with two wheels beside the
plate. Both are plain weights, and the test of the order's weight has to say that they don't fit.
"""

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_SAMPLES_MIN = 10
_STARTS = 3
_REFINEMENTS = 8
_DECAYS = (0.5, 3.0)
_GRID = 0.4
"""How far apart the frequencies of the first look are, in swings of the window."""
_CLOSE_ENOUGH = 1e-4
_LEAST = 1e-9
_DECAY_MAX = 12.0
_SLOPE_SIGMAS = 4.0
_MISFIT_SIGMAS = 3.0
_SWINGS_MIN = 0.9


class Platform(msgspec.Struct, frozen=True):
    """A floor scale. ``noise_g`` is the standard deviation of one reading of a load at rest, rounding included; a
    weight counts once it is known to ``sd_g_max``. The last ``windows_s`` seconds are looked at, the longest first;
    ``swing_hz`` is between which frequencies its loads swing.
    """

    noise_g: float = 4.0
    sd_g_max: float = 4.0
    windows_s: tuple[float, ...] = (1.6, 1.1, 0.75, 0.5)
    swing_hz: tuple[float, float] = (0.8, 9.0)


class Resting(msgspec.Struct, frozen=True):
    """What the load weighs, the standard deviation of that, and how far it still swings; ``window_s`` is how long it
    has been this load.
    """

    rest_g: float
    sd_g: float
    swing_g: float
    window_s: float


class _Fit(msgspec.Struct, frozen=True):
    values: Floats
    covariance: Floats
    """For noise of one gram."""
    misfit: float
    """The variance of what is left, in variances of the scale's noise."""
    freedom: int
    hz: float = 0.0
    decay: float = 0.0


def resting(at_s: Sequence[float], load_g: Sequence[float], platform: Platform) -> Resting | None:
    """What lies on the platform, or None while that can't be told. ``at_s`` rises; the last reading is now.

    >>> at_s = [0.02 * number for number in range(60)]
    >>> found = resting(at_s, [12_000.0] * 60, Platform())
    >>> found is not None and round(found.rest_g)
    12000
    """
    times, loads = np.asarray(at_s, dtype=float), np.asarray(load_g, dtype=float)
    for window_s in platform.windows_s:
        recent = times >= times[-1] - window_s if times.size else times > 0
        if np.unique(times[recent]).size < _SAMPLES_MIN or times[-1] - times[0] < 0.9 * window_s:
            continue
        try:
            found = _in_window(times[recent], loads[recent], window_s, platform)
        except np.linalg.LinAlgError:  # readings that came all at once tell no swing
            continue
        if found is not None:
            return found
    return None


def _in_window(times: Floats, loads: Floats, window_s: float, platform: Platform) -> Resting | None:
    middle_s = (times[0] + times[-1]) / 2
    t, y = times - middle_s, loads - loads.mean()
    still = _least_squares(np.column_stack([np.ones_like(t), t]), y, platform.noise_g)
    fit = still if _explains(still) else _swinging(t, y, platform)
    if fit is None or not _explains(fit) or _drifts(fit, window_s, platform):
        return None
    sd_g = platform.noise_g * float(np.sqrt(fit.covariance[0, 0] * max(fit.misfit, 1.0)))
    if sd_g > platform.sd_g_max:
        return None
    swing_g = float(np.hypot(*fit.values[2:4]) * np.exp(-fit.decay * t[-1])) if fit.hz else 0.0
    return Resting(float(loads.mean() + fit.values[0]), sd_g, swing_g, window_s)


def _swinging(t: Floats, y: Floats, platform: Platform) -> _Fit | None:
    """The best swing that explains the readings, from the likeliest starts of a coarse grid."""
    window_s = float(t[-1] - t[0])
    low_hz = max(platform.swing_hz[0], _SWINGS_MIN / window_s)
    grid_hz = np.arange(low_hz, platform.swing_hz[1], _GRID / window_s)
    hz, decay = (axis.ravel() for axis in np.meshgrid(grid_hz, _DECAYS))
    fading, turn = np.exp(-np.outer(decay, t)), 2 * np.pi * np.outer(hz, t)
    flat = np.broadcast_to(np.stack([np.ones_like(t), t]), (hz.size, 2, t.size))
    columns = np.concatenate([flat, (fading * np.cos(turn))[:, None], (fading * np.sin(turn))[:, None]], axis=1)
    seen = columns @ y
    explained = (seen * np.linalg.solve(columns @ columns.transpose(0, 2, 1), seen[..., None])[..., 0]).sum(axis=1)
    best: _Fit | None = None
    for number in np.argsort(-explained)[:_STARTS]:
        found = _refined(t, y, (float(hz[number]), float(decay[number])), platform.noise_g)
        if found is not None and found.hz >= low_hz and (best is None or found.misfit < best.misfit):
            best = found
    return best


def _refined(t: Floats, y: Floats, start: tuple[float, float], noise_g: float) -> _Fit | None:
    """Gauss and Newton for frequency and decay; the doubt about both is part of the doubt about the weight."""
    hz, decay = start
    hz_max = 1 / (2 * float(np.diff(t).mean()))
    fit: _Fit | None = None
    for _ in range(_REFINEMENTS):
        columns = _columns(t, hz, decay)
        a, b = np.linalg.solve(columns.T @ columns, columns.T @ y)[2:4]
        by_hz = 2 * np.pi * t * (b * columns[:, 2] - a * columns[:, 3])
        by_decay = -t * (a * columns[:, 2] + b * columns[:, 3])
        fit = _least_squares(np.column_stack([columns, by_hz, by_decay]), y, noise_g, hz, decay)
        step_hz, step_decay = (max(-0.5, min(0.5, float(step))) for step in fit.values[4:6])
        hz, decay = hz + step_hz, decay + step_decay
        if not 0 < hz < hz_max or not -1.0 <= decay <= _DECAY_MAX:
            return None
        if abs(step_hz) + abs(step_decay) < _CLOSE_ENOUGH:
            break
    return fit


def _columns(t: Floats, hz: float, decay: float) -> Floats:
    fading, turn = np.exp(-decay * t), 2 * np.pi * hz * t
    return np.column_stack([np.ones_like(t), t, fading * np.cos(turn), fading * np.sin(turn)])


def _least_squares(columns: Floats, y: Floats, noise_g: float, hz: float = 0.0, decay: float = 0.0) -> _Fit:
    together = columns.T @ columns
    # Of a swing that is hardly there, frequency and decay can't be told: the least of doubts keeps that solvable.
    together[np.diag_indices_from(together)] *= 1 + _LEAST
    covariance = np.asarray(np.linalg.inv(together + _LEAST * np.eye(len(together))), dtype=np.float64)
    values = covariance @ (columns.T @ y)
    freedom = max(y.size - columns.shape[1], 1)
    left = y - columns @ values
    return _Fit(values, covariance, float(left @ left) / freedom / noise_g**2, freedom, hz, decay)


def _explains(fit: _Fit) -> bool:
    """Whether what is left is no more than the scale's noise."""
    return fit.misfit <= 1 + _MISFIT_SIGMAS * float(np.sqrt(2 / fit.freedom))


def _drifts(fit: _Fit, window_s: float, platform: Platform) -> bool:
    """Whether the weight itself changes, surely and by more than the noise."""
    slope_g_per_s = abs(float(fit.values[1]))
    sure = slope_g_per_s > _SLOPE_SIGMAS * platform.noise_g * float(np.sqrt(fit.covariance[1, 1]))
    return sure and slope_g_per_s * window_s > platform.noise_g
