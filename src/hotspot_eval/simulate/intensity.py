"""Expected counts: area levels, season, lockdown, breaks, and a field in space and time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter
from scipy.spatial.distance import cdist

from hotspot_eval.periods import Periods
from hotspot_eval.simulate.config import Crime, Lockdown, RecordingBreak, as_day, last_day
from hotspot_eval.simulate.geography import Map

__all__ = ["Intensity", "draw_counts", "make_intensity"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Intensity:
    """The parts of the weekly intensity of all outcomes together.

    Parameters
    ----------
    level : ndarray, shape (N,)
        Mean count of an area and week.
    season : ndarray, shape (T,)
        Season and lockdown, as a factor.
    field : ndarray, shape (N, T)
        Standard Gaussian field, AR(1) in time, correlated in space.
    persistent_sd, noise_variance : ndarray, shape (N,)
        Standard deviation of the persistent log intensity, variance of the independent factor.
    share : ndarray, shape (T, K)
        Share of each outcome, recording breaks included.
    """

    level: Floats
    season: Floats
    field: Floats
    persistent_sd: Floats
    noise_variance: Floats
    share: Floats

    def expected(self) -> Floats:
        """Intensity of all outcomes given the field, shape (N, T)."""
        sd = self.persistent_sd[:, None]
        return self.level[:, None] * self.season * np.exp(sd * self.field - sd**2 / 2)


def make_intensity(
    crime: Crime,
    ground: Map,
    weeks: Periods,
    breaks: tuple[RecordingBreak, ...],
    rng: np.random.Generator,
) -> Intensity:
    """Draw the latent parts of a world."""
    n, t = len(ground.areas), len(weeks)
    root = _spatial_root(ground, crime.spatial_correlation)
    hot = _correlate(root, rng.standard_normal((n, 1)))[:, 0]
    busy = np.exp(crime.heterogeneity * hot)
    level = crime.mean_per_area_week * busy / busy.mean()
    extra = (crime.overdispersion - 1) / level
    persistent = 1 + crime.persistent_share * extra
    return Intensity(
        level=level,
        season=_season(weeks, crime.seasonality) * _dip(weeks, crime.lockdown),
        field=_autoregress(_correlate(root, rng.standard_normal((n, t))), crime.serial_correlation),
        persistent_sd=np.sqrt(np.log(persistent)),
        noise_variance=(1 + extra) / persistent - 1,
        share=_shares(crime, weeks, breaks),
    )


def draw_counts(intensity: Intensity, rng: np.random.Generator) -> NDArray[np.int64]:
    """Counts in the absence of treatment, shape (N, T, K)."""
    mean = intensity.expected()
    noisy = intensity.noise_variance > 1e-12
    shape = 1 / np.where(noisy, intensity.noise_variance, 1.0)
    factor = rng.gamma(shape[:, None], 1 / shape[:, None], size=mean.shape)
    mean = mean * np.where(noisy[:, None], factor, 1.0)
    return rng.poisson(mean[:, :, None] * intensity.share)


def _spatial_root(ground: Map, correlation: float) -> Floats:
    """Cholesky root of exp(−d/ℓ), ℓ such that the mean distance of neighbours gives the request."""
    if correlation == 0 or not len(ground.neighbours):
        return np.eye(len(ground.centres))
    gaps = ground.centres[ground.neighbours[:, 0]] - ground.centres[ground.neighbours[:, 1]]
    scale = -np.hypot(gaps[:, 0], gaps[:, 1]).mean() / np.log(correlation)
    root: Floats = np.linalg.cholesky(np.exp(-cdist(ground.centres, ground.centres) / scale))
    return root


def _correlate(root: Floats, noise: Floats) -> Floats:
    # einsum and rounding: a threaded product differs in the last bit from machine to machine
    product: Floats = np.einsum("ij,jt->it", root, noise)
    return np.round(product, 9)


def _autoregress(innovations: Floats, rho: float) -> Floats:
    scaled = innovations * np.sqrt(1 - rho**2)
    scaled[:, 0] = innovations[:, 0]
    filtered: Floats = lfilter([1.0], [1.0, -rho], scaled, axis=1)
    return filtered


def _season(weeks: Periods, amplitude: float) -> Floats:
    middle = weeks.starts + np.timedelta64(3, "D")
    day = (middle - middle.astype("datetime64[Y]").astype("datetime64[D]")).astype(np.float64)
    season: Floats = 1 + amplitude * np.cos(2 * np.pi * (day - 196) / 365.25)
    return season


def _dip(weeks: Periods, lockdown: Lockdown | None) -> Floats:
    if lockdown is None:
        return np.ones(len(weeks))
    first = as_day(lockdown.start, "lockdown")
    return 1 - lockdown.depth * weeks.share(first, last_day(lockdown.end, "lockdown"))


def _shares(crime: Crime, weeks: Periods, breaks: tuple[RecordingBreak, ...]) -> Floats:
    share = np.tile([share for _, share in crime.outcomes], (len(weeks), 1))
    for change in breaks:
        after = weeks.share(as_day(change.start, "recording break"))
        share[:, crime.names.index(change.outcome)] *= 1 + (change.factor - 1) * after
    return share
