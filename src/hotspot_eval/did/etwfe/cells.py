"""Effects of free cells on the scale of the response or of the link, and what each area adds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hotspot_eval.did.cohorts.cells import Block, Cells
from hotspot_eval.did.etwfe.layout import UNSEEN, Layout
from hotspot_eval.did.kernels import Rows, Saturated
from hotspot_eval.did.model import Model
from hotspot_eval.did.sample import Sample

__all__ = ["EffectScale", "Means", "effects_of_cells", "means_of"]

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]
EffectScale = Literal["response", "link"]
NO_EVENT = "no event in the cell: its logarithm is not finite (the response scale has a value)"
NOT_IDENTIFIED = "cannot be told from the other effects"
_DIVERGED = 15.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Means:
    """Expected values of the used cells, (n, t): as fitted, and without treatment."""

    fitted: Float
    without: Float


def effects_of_cells(
    sample: Sample,
    layout: Layout,
    solution: Saturated,
    *,
    model: Model,
    rows: Rows,
    scale: EffectScale,
) -> tuple[Cells, Float]:
    """Every free cell's effect with the influence of areas on it, and gradients (P, C).

    Notes
    -----
    With parameters u, information H and scores Σₜ z_i·(y_it − μ_it) of each area, an effect with
    gradient L has the influence L′H⁻¹·score. On the response scale the mean of the cell's own
    outcomes less what the effects of its area leave of them comes on top.
    """
    means = means_of(sample, layout, solution, model, rows)
    places = _places(sample, layout)
    size = solution.information.shape[0]
    att, reason = np.zeros(len(places)), [""] * len(places)
    gradient, own = np.zeros((size, len(places))), np.zeros((len(sample.y), len(places)))
    is_base = np.array([not layout.free[g, t] for g, t in places], dtype=bool)
    ratio = scale == "link" or model == "linear"
    for c, (g, t) in enumerate(places):
        members = np.flatnonzero((layout.code == g) & sample.used[:, t])
        reason[c] = _why_not(layout, (g, t), members, ratio=ratio)
        if reason[c] or is_base[c]:
            att[c] = np.nan if reason[c] else 0.0
        elif ratio:
            att[c], gradient[:, c] = _on_link(layout, solution, (g, t), members)
        else:
            att[c], gradient[:, c], own[members, c] = _on_response(
                sample, layout, solution, means, (g, t), members, rows
            )
    pull, estimable = solution.pull(gradient)
    for c in map(
        int, np.flatnonzero((~estimable | (ratio & (np.abs(att) > _limit(model)))) & ~is_base)
    ):
        att[c], reason[c] = np.nan, reason[c] or NOT_IDENTIFIED
    cells = Cells(
        cohort=np.array([layout.cohorts[g] for g, _ in places], dtype=np.intp),
        period=np.array([sample.when[t] for _, t in places], dtype=np.intp),
        att=att,
        is_base=is_base,
        n_control=np.array([_controls(sample, layout, t) for _, t in places], dtype=np.intp),
        reason=tuple(reason),
        blocks=_blocks(sample, layout, solution, means, pull, own),
    )
    return cells, gradient


def _places(sample: Sample, layout: Layout) -> list[tuple[int, int]]:
    """Free cells in the windows of their cohort; base periods where earlier cells are free."""
    places = []
    for g in range(len(layout.cohorts)):
        if layout.base[g] < 0:
            continue
        shown = layout.free[g] & sample.used[layout.code == g].any(axis=0)
        if shown[: layout.base[g]].any():
            shown[layout.base[g]] = True
        places += [(g, int(t)) for t in np.flatnonzero(shown)]
    return places


def _limit(model: Model) -> float:
    return _DIVERGED if model == "poisson" else float("inf")


def _why_not(
    layout: Layout, place: tuple[int, int], members: NDArray[np.intp], *, ratio: bool
) -> str:
    if place in layout.reason:
        return layout.reason[place]
    if not len(members):
        return UNSEEN
    return NO_EVENT if ratio and layout.eventless[place] else ""


def _controls(sample: Sample, layout: Layout, t: int) -> int:
    return int((sample.used[:, t] & ~layout.free[layout.code, t]).sum())


def means_of(
    sample: Sample, layout: Layout, solution: Saturated, model: Model, rows: Rows
) -> Means:
    """Expected values with and without treatment; area effects from each area's own cells."""
    used, code, z = layout.used, layout.code, layout.loadings
    linear = np.einsum("ntm,nm->nt", solution.with_treatment[code], z)
    bare = np.einsum("ntm,nm->nt", solution.without[code], z)
    if model == "linear":
        if rows == "area":
            count = np.maximum(used.sum(axis=1), 1)
            level = np.where(used, sample.y - linear, 0.0).sum(axis=1) / count
            linear, bare = linear + level[:, None], bare + level[:, None]
        return Means(fitted=linear, without=bare)
    base = 1.0 if sample.base is None else sample.base
    fitted, without = base * np.exp(linear), base * np.exp(bare)
    if rows == "area":
        at_risk = np.where(used, fitted, 0.0).sum(axis=1)
        events = np.where(used, sample.y, 0.0).sum(axis=1)
        level = np.divide(events, at_risk, out=np.zeros_like(events), where=at_risk > 0)
        fitted, without = fitted * level[:, None], without * level[:, None]
    return Means(fitted=fitted, without=without)


def _on_link(
    layout: Layout, solution: Saturated, place: tuple[int, int], members: NDArray[np.intp]
) -> tuple[float, Float]:
    g, t = place
    mean = layout.loadings[members].mean(axis=0)
    m = len(mean)
    cell = slice(t * m, (t + 1) * m)
    value = float(mean @ (solution.with_treatment[place] - solution.without[place]))
    return value, mean @ (solution.slots[g, cell] - solution.bare[g, cell])


def _on_response(
    sample: Sample,
    layout: Layout,
    solution: Saturated,
    means: Means,
    place: tuple[int, int],
    members: NDArray[np.intp],
    rows: Rows,
) -> tuple[float, Float, Float]:
    """Mean of observed less expected events, its gradient, and the part of each member's own."""
    g, t = place
    count, z = len(members), layout.loadings[members]
    m = z.shape[1]
    expected = means.without[members, t]
    apart = sample.y[members, t] - expected
    value = float(apart.mean())
    pulled = expected @ z / count
    gradient = -(pulled @ solution.bare[g, t * m : (t + 1) * m])
    if rows == "cohort":
        fitted = 0.0 if layout.eventless[place] else means.fitted[members, t]
        return value, gradient, (sample.y[members, t] - fitted) / count
    fitted = np.where(layout.used[members], means.fitted[members], 0.0)
    total = fitted.sum(axis=1)
    held = np.divide(expected, total, out=np.zeros_like(total), where=total > 0)
    back = np.einsum("k,kt,km->tm", held, fitted, z, optimize=True).ravel() / count
    return value, gradient + back @ solution.slots[g], (apart - value) / count


def _blocks(
    sample: Sample,
    layout: Layout,
    solution: Saturated,
    means: Means,
    pull: Float,
    own: Float,
) -> tuple[Block, ...]:
    residual = np.where(layout.used, sample.y - means.fitted, 0.0)
    n, m = len(residual), layout.loadings.shape[1]
    blocks = []
    for g in range(len(layout.cohorts) + 1):
        k = np.flatnonzero(layout.code == g)
        if not len(k):
            continue
        spread = residual[k][:, :, None] * layout.loadings[k][:, None, :]
        columns = np.flatnonzero(own[k].any(axis=0))
        blocks.append(
            Block(
                rows=k,
                left=np.hstack([spread.reshape(len(k), residual.shape[1] * m), own[k][:, columns]]),
                right=n * np.vstack([solution.slots[g] @ pull, np.eye(own.shape[1])[columns]]),
            )
        )
    return tuple(blocks)
