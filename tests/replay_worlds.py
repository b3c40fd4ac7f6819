"""Small panels, and the obvious slow replay that the fast one must agree with."""

from __future__ import annotations

import numpy as np
import pandas as pd

from hotspot_eval.design import Design
from hotspot_eval.panel import Panel


def boroughs(rng, *, clusters=8, areas=14, months=48, mean=6.0, spread=0.5, first="2019-01"):
    """Poisson counts without any operation, areas of unequal level in boroughs A, B, …"""
    labels = pd.period_range(first, periods=months, freq="M").strftime("%Y-%m")
    level = mean * np.exp(rng.normal(0, spread, clusters * areas))
    counts = rng.poisson(level[:, None], (clusters * areas, months))
    ids = [f"{chr(65 + c)}{i:02}" for c in range(clusters) for i in range(areas)]
    return panel_of(counts, ids, [i[0] for i in ids], labels)


def panel_of(counts, ids, clusters, labels):
    n, t = counts.shape
    frame = pd.DataFrame(
        {
            "area": np.repeat(ids, t),
            "month": np.tile(labels, n),
            "cluster": np.repeat(clusters, t),
            "count": counts.ravel(),
        }
    )
    return Panel.from_counts(frame, area="area", period="month", count="count", cluster="cluster")


def weeks_of(rng, *, clusters=6, areas=12, weeks=200, mean=3.0, spread=0.5, first="2018-01-01"):
    """The same by weeks that begin on Mondays."""
    labels = pd.date_range(first, periods=weeks, freq="7D").strftime("%Y-%m-%d")
    level = mean * np.exp(rng.normal(0, spread, clusters * areas))
    counts = rng.poisson(level[:, None], (clusters * areas, weeks))
    ids = [f"{chr(65 + c)}{i:02}" for c in range(clusters) for i in range(areas)]
    return panel_of(counts, ids, [i[0] for i in ids], labels)


def operation(panel, rule, start, rng, *, cluster="A", pre=3, post=3, gap=0):
    """A design in which ``cluster`` treated what the rule chose, against the rest of it."""
    home = [a for a, c in zip(panel.areas, panel.cluster, strict=True) if c == cluster]
    treated = [a for a in rule(panel, start, rng) if a in set(home)]
    return Design(
        treated=treated,
        start=start,
        controls=[a for a in home if a not in set(treated)],
        pre_periods=pre,
        post_periods=post,
        gap=gap,
    )


def slow_recipe(counts, cluster, pool, target, chosen, *, pre, gap, post, half_life=1.0):
    """The recipe scene by scene in plain loops; a scene is (cluster, onset, treated rows).

    ``chosen`` are the rows that the rule would choose at each onset.

    Returns d, p(0), and x′β of the past alone.
    """

    def log_ratio(scene, begin, stop):
        place, _, treated = scene
        controls = [i for i in range(len(counts)) if cluster[i] == place and i not in treated]
        q = len(controls) / len(treated)
        first = max(begin, 0)
        top = sum(counts[i, t] for i in treated for t in range(first, stop))
        bottom = sum(counts[i, t] for i in controls for t in range(first, stop))
        return np.log((top + 0.5) / (bottom + 0.5 * q)), bottom, q

    def touched(onset):
        """Treated areas, where the real operation runs into the window."""
        return target[2] if onset + post > target[1] else []

    def row(scene):
        s = scene[1]
        base, _, q = log_ratio(scene, s - gap - pre, s - gap)
        after, control, _ = log_ratio(scene, s, s + post)
        x = [1.0, base + np.log(q)]
        spans = [(s - 3, s), (s - 12, s - 3), (s - 36, s - 12)]
        if post < 12:
            spans.append((s - 12, s - 12 + post))
        x += [log_ratio(scene, b, e)[0] - base for b, e in spans]
        expected = control * np.exp(log_ratio(scene, 0, s)[0])
        near = [i for i in range(len(counts)) if cluster[i] == scene[0] and i not in scene[2]]
        far = [
            i
            for i in range(len(counts))
            if cluster[i] != scene[0] and i not in touched(s) and i not in chosen[s]
        ]

        def grown(rows, begin, stop):
            return np.log(
                (sum(counts[i, s : s + post].sum() for i in rows) + 0.5)
                / (sum(counts[i, begin:stop].sum() for i in rows) + 0.5)
            )

        x += [grown(near, 0, s) - grown(far, 0, s), grown(far, s - gap - pre, s - gap)]
        return after - base, x, expected, control

    rows = [row(scene) for scene in pool]
    y = np.array([r[0] for r in rows])
    x = np.array([r[1] for r in rows])
    a = np.array([1 / (r[2] + 1) + 1 / (r[3] + 1) for r in rows])
    weight = np.array([half_life_weight(target[1] - s, half_life) for _, s, _ in pool])
    centre = np.average(x[:, 1:], axis=0, weights=weight)
    spread = np.sqrt(np.average((x[:, 1:] - centre) ** 2, axis=0, weights=weight))
    spread[spread < 1e-8] = 1.0
    z = np.column_stack([np.ones(len(y)), (x[:, 1:] - centre) / spread])
    omega = {c: windows_by_hand([s for d, s, _ in pool if d == c], post) for c in set(cluster)}
    total, p = sum(omega.values()), z.shape[1]
    phi, tau2 = 1.0, 0.01
    for _ in range(3):
        v = phi * a + tau2
        w = weight / v * total / (weight / v).sum()
        ridge = 4.0 * np.diag([0.0] + [1.0] * (p - 1))
        beta = np.linalg.solve(z.T @ np.diag(w) @ z + ridge, z.T @ (w * y))
        residual = y - z @ beta
        phi, tau2 = nonnegative_line(a, residual**2, weight / v**2)
    v = phi * a + tau2
    scale = {}
    for c in set(cluster):
        inside = np.array([d == c for d, _, _ in pool])
        mean = (
            np.average(residual[inside] ** 2 / v[inside], weights=weight[inside])
            if inside.any()
            else 1.0
        )
        scale[c] = (omega[c] * mean + 30.0) / (omega[c] + 30.0)
    u = residual / np.sqrt(v * np.array([scale[c] for c, _, _ in pool]))
    level = np.average(u**2, weights=weight)
    u = u / np.sqrt(level)
    change, x0, expected, control = row(target)
    standard = np.concatenate([[1.0], (np.array(x0[1:]) - centre) / spread])
    d = change - standard @ beta
    predicted = standard[:-2] @ beta[:-2]
    variance = (phi * (1 / (expected + 1) + 1 / (control + 1)) + tau2) * level
    used = np.trace(np.linalg.solve(z.T @ np.diag(w) @ z + ridge, z.T @ np.diag(w) @ z))
    variance *= scale[target[0]] * (1 + used / total)
    extreme = np.abs(u) >= abs(d) / np.sqrt(variance)
    return d, (1 + weight[extreme].sum()) / (1 + weight.sum()), predicted


def half_life_weight(age, half_life):
    return 0.5 ** (abs(age) / 12 / half_life)


def windows_by_hand(onsets, post):
    count, last = 0, -(10**6)
    for onset in sorted(set(onsets)):
        if onset - last >= post:
            count, last = count + 1, onset
    return count


def nonnegative_line(a, squared, weight):
    """Weighted least squares of squared on a and 1, neither coefficient negative."""
    best, found = np.inf, (0.0, 0.0)
    gram = np.array(
        [[(weight * a * a).sum(), (weight * a).sum()], [(weight * a).sum(), weight.sum()]]
    )
    right = np.array([(weight * a * squared).sum(), (weight * squared).sum()])
    both = np.linalg.solve(gram, right)
    options = [both, [right[0] / gram[0, 0], 0.0], [0.0, right[1] / gram[1, 1]]]
    for phi, tau2 in options:
        if phi >= 0 and tau2 >= 0:
            loss = (weight * (squared - phi * a - tau2) ** 2).sum()
            if loss < best:
                best, found = loss, (float(phi), float(tau2))
    return max(found[0], 0.3), found[1]


def restless(
    rng,
    *,
    clusters=8,
    areas=14,
    months=72,
    mean=8.0,
    shared=0.05,
    hot=0.0,
    own=0.15,
    first="2017-01",
    weeks=0,
):
    """No operation, but shocks that last: of each area, of boroughs and London, of busy areas.

    ``hot`` moves the busier areas of every borough together: what no borough can tell from an
    operation that all of them begin at once. With ``weeks`` the same shocks in so many weeks, and
    a quarter of the events in each.
    """
    periods, pace = (weeks, 4) if weeks else (months, 1)
    n = clusters * areas
    cluster = np.repeat(np.arange(clusters), areas)
    level = np.log(mean / pace) + rng.normal(0, 0.5, n)

    def wander(spread, count, keep):
        slow = keep ** (1 / pace)
        spread *= np.sqrt((1 - slow**2) / (1 - keep**2))
        steps = rng.normal(0, spread, (count, periods))
        for t in range(1, periods):
            steps[:, t] += slow * steps[:, t - 1]
        return steps

    busy = np.maximum((level - level.mean()) / level.std(), 0.0)
    rate = level[:, None] + wander(own, n, 0.7) + wander(shared, 1, 0.8)
    rate = rate + wander(shared, clusters, 0.8)[cluster] + busy[:, None] * wander(hot, 1, 0.8)
    ids = [f"{chr(65 + c)}{i:02}" for c in range(clusters) for i in range(areas)]
    labels = pd.period_range(first, periods=months, freq="M").strftime("%Y-%m")
    if weeks:
        labels = pd.date_range("2017-01-02", periods=weeks, freq="7D").strftime("%Y-%m-%d")
    return panel_of(rng.poisson(np.exp(rate)), ids, [i[0] for i in ids], labels)


def joint_operation(panel, rule, starts, rng, *, pre=12, post=3, kept=1.0):
    """Several boroughs treat what the rule chose, each from its own start; events thinned.

    Returns the panel after thinning, and the design.
    """
    labels = panel.periods.labels
    counts = panel.counts[:, :, 0].copy()
    treated, begun = [], []
    for cluster, start in starts.items():
        for area in rule(panel, start, rng):
            if panel.cluster[panel.areas.index(area)] == cluster:
                treated.append(area)
                begun.append(start)
                row, at = panel.areas.index(area), labels.index(start)
                counts[row, at:] = rng.binomial(counts[row, at:], kept)
    chosen = set(treated)
    controls = [
        a
        for a, c in zip(panel.areas, panel.cluster, strict=True)
        if c in starts and a not in chosen
    ]
    design = Design(
        treated=treated, start=begun, controls=controls, pre_periods=pre, post_periods=post
    )
    return panel_of(counts, panel.areas, panel.cluster, labels), design
