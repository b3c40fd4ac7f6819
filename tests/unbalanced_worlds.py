"""Small panels with every kind of hole, and the regression they stand for as one dense matrix."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from tests.did_worlds import area, month, panel_of

from hotspot_eval.design import Design, Spell
from hotspot_eval.panel import Panel


@dataclass(frozen=True)
class Holed:
    """Counts, what of them is seen, treatment, boroughs."""

    y: np.ndarray
    observed: np.ndarray
    treatment: np.ndarray
    base: np.ndarray | None
    borough: np.ndarray
    design: Design

    @property
    def panel(self) -> Panel:
        return panel_of(self.y, observed=self.observed, base=self.base, cluster=self.borough)

    @property
    def first(self) -> np.ndarray:
        """First treated period; T where never treated."""
        on = self.treatment > 0
        return np.where(on.any(axis=1), on.argmax(axis=1), self.y.shape[1])

    def frame(self) -> pd.DataFrame:
        """Observed cells of areas with an untreated one among these."""
        rows, when = np.nonzero(self.observed)
        frame = pd.DataFrame(
            {
                "area": rows,
                "period": when,
                "y": self.y[rows, when].astype(float),
                "D": self.treatment[rows, when],
                "borough": self.borough[rows],
                "first": self.first[rows],
            }
        )
        if self.base is not None:
            frame["log_base"] = np.log(self.base[rows, when])
        calm = (frame["D"] == 0).groupby(frame["area"]).transform("any")
        return frame[calm].reset_index(drop=True)


def holed(seed: int, *, mean: float | None = None) -> Holed:
    """Areas, periods, treated cells missing; zero areas and periods; spells, shares, one cell."""
    rng = np.random.default_rng(seed)
    n, t = int(rng.integers(5, 22)), int(rng.integers(3, 10))
    mean = float(rng.choice([0.3, 1.0, 4.0, 20.0])) if mean is None else mean
    y = rng.poisson(mean * rng.gamma(1.0, 1.0, (n, 1)) * rng.uniform(0.4, 2.0, (1, t)))
    y[rng.random(n) < rng.choice([0.0, 0.0, 0.3])] = 0
    y[:, rng.random(t) < rng.choice([0.0, 0.0, 0.2])] = 0
    observed = rng.random((n, t)) > rng.choice([0.0, 0.1, 0.3, 0.6])
    observed[rng.random(n) < rng.choice([0.0, 0.0, 0.2])] = False
    observed[:, rng.random(t) < rng.choice([0.0, 0.0, 0.2])] = False
    treatment, spells = np.zeros((n, t)), []
    same, ends = rng.random() < 0.3, rng.random() < 0.25
    common = int(rng.integers(1, t))
    for i in rng.choice(n, int(rng.integers(1, n // 2 + 1)), replace=False):
        start = common if same else int(rng.integers(1, t))
        stop = int(rng.integers(start, t)) if ends else t - 1
        share = 0.4 if rng.random() < 0.05 else 1.0
        spell = Spell(
            area=area(i), start=month(start), end=month(stop) if ends else None, share=share
        )
        spells.append(spell)
        treatment[i, start : stop + 1] = share
    unseen = rng.choice(["none", "treated", "untreated"], p=[0.5, 0.35, 0.15])
    for i in np.flatnonzero(treatment.any(axis=1)):
        if unseen != "none" and rng.random() < 0.4:
            observed[i, (treatment[i] > 0) == (unseen == "treated")] = False
    if rng.random() < 0.2:
        alone = int(rng.integers(n))
        observed[alone] = np.arange(t) == rng.integers(t)
    base = rng.uniform(10.0, 90.0, (n, t)) if rng.random() < 0.4 else None
    return Holed(
        y=y,
        observed=observed,
        treatment=treatment,
        base=base,
        borough=rng.integers(0, max(2, n // 4), n),
        design=Design(spells=spells),
    )


def effects(frame: pd.DataFrame, fixed: str = "period") -> np.ndarray:
    """Indicators of areas and periods (or borough × periods)."""
    key = frame["period"].astype(str)
    if fixed == "cluster":
        key = frame["borough"].astype(str) + "-" + key
    areas = pd.get_dummies(frame["area"]).to_numpy(float)
    return np.column_stack([areas, pd.get_dummies(key).to_numpy(float)])


def plain(frame: pd.DataFrame, fixed: str = "period") -> bool:
    """In one piece, treatment varies apart from the effects: what a peer can be asked about."""
    if not len(frame) or not frame["D"].any():
        return False
    x = effects(frame, fixed)
    pieces = frame["borough"].nunique() if fixed == "cluster" else 1
    rank = int(np.linalg.matrix_rank(x))
    full = np.column_stack([x, frame["D"]])
    return rank == x.shape[1] - pieces and int(np.linalg.matrix_rank(full)) == rank + 1
