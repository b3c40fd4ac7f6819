"""docs/coverage.md from the rows of a coverage study."""

from __future__ import annotations

import numpy as np
import pandas as pd
from tests.calibration.coverage_worlds import ISSUE, TUNED, UNTOUCHED

__all__ = ["page", "summary"]

LOW, HIGH = 0.93, 0.97
SETTING = """200 areas of a 20 × 10 grid in 20 boroughs of ten (the default knows the boroughs), 48
months, about one event an area and month, log-normal levels (0.6), own shocks of variance 0.25 and
common ones of 0.10 (half the borough's, half fading with distance), both AR(1) with 0.5, a season,
a true rate ratio of 0.8 from month 36 on."""
COLUMNS = """Scattered: treated areas drawn from all. Clustered: from as few boroughs as hold
them, so that 10 clustered is one whole borough. Patch: the areas nearest to a point, across
borough borders."""
WHY = {
    "poisson_did (default)": "the named default.",
    "imputation, Poisson (default)": "the same error in another estimator.",
    "linear_did (default)": "the same error in events instead of ratios.",
    "imputation, linear (default)": "the same error in events instead of ratios.",
    "poisson_did, CR2 by area": "good for scattered areas; it does not see what areas of a borough "
    "have in common.",
    "poisson_did, CR1 by area": "too small with few treated areas, the more so where they lie "
    "together.",
    "poisson_did, CR1 by borough": "too small with few treated boroughs, none with one.",
    "poisson_did, Conley 4 km": "too small: the treated areas' own residuals hide what they share.",
    "poisson_did, randomisation": "close where areas were drawn from all; redraws of single areas "
    "do not lie together as clustered ones do, so that it is too narrow for these.",
    "poisson_did, wild bootstrap": "null imposed, by area: it does not see shared shocks either.",
    "linear_did, CR2 by area": "as CR2 of the ratio model.",
    "etwfe, Poisson": "its error is clustered by area without small-sample correction for few "
    "treated: too small.",
    "group_time": "leans on one month before the start, and its error on the few treated.",
    "synthetic_did": "placebo areas are single ones: good where treated areas are scattered.",
}


def summary(rows: pd.DataFrame) -> pd.DataFrame:
    """Coverage, bias, spread and mean error of each method, among draws with an interval."""
    by = ["world", "column", "method"]
    had = rows[np.isfinite(rows["width"])].groupby(by, sort=False)
    answer = pd.DataFrame(
        {
            "draws": rows.groupby(by, sort=False).size(),
            "with_interval": had.size(),
            "coverage": had["inside"].mean(),
            "bias": had["error"].mean(),
            "spread": had["error"].std(),
            "mean_se": had["std_error"].mean(),
            "width": had["width"].median(),
        }
    )
    return answer.fillna({"with_interval": 0}).reset_index()


def page(rows: pd.DataFrame) -> str:
    """The whole document."""
    parts = {part: summary(group) for part, group in rows.groupby("part", sort=False)}
    main = pd.concat([parts[p] for p in ("every", "wild", "synthetic") if p in parts])
    sections = ["# Coverage", _intro(main), _main(main), _sentences(main), _detail(parts["every"])]
    sections += [_worlds(parts)]
    if "models" in parts:
        sections += [_models(parts["models"])]
    sections += [_few(parts["few"]), _limits(parts)]
    return "\n\n".join(sections) + "\n"


def _intro(main: pd.DataFrame) -> str:
    draws = int(main["draws"].max())
    return (
        f"Made by `make coverage`. Share of 95 % intervals that hold the truth; {draws:,} draws a "
        f"column unless a row says otherwise (Monte Carlo error {_error(draws):.3f}), each with a "
        f"seed of its own. The aim is {LOW} to {HIGH}; numbers outside are **bold**.\n\n"
        f"Setting: {_flat(SETTING)}\n\n{_flat(COLUMNS)}"
    )


def _main(main: pd.DataFrame) -> str:
    table = main.pivot_table(index="method", columns="column", values="coverage", sort=False)
    table = table.reindex(index=[m for m in WHY if m in set(main["method"])])
    table = table[sorted(table.columns, key=_place)]
    least = main.groupby("method")["draws"].min()
    most = int(main["draws"].max())
    names = [
        m if least[m] == most else f"{m} ({least[m]:,} draws)" for m in table.index.astype(str)
    ]
    text = "## Every estimator and error\n\n" + _grid("estimator, error", names, table)
    if "synthetic_did" not in table.index:
        text += "\n\n`synthetic_did` takes seconds a draw and was not scored in this run."
    return text


def _sentences(main: pd.DataFrame) -> str:
    lines = ["In a sentence each:", ""]
    for method, why in WHY.items():
        seen = main.loc[main["method"] == method, ["column", "coverage"]].dropna()
        if len(seen):
            low, high = (seen.loc[seen["coverage"].agg(f)] for f in ("idxmin", "idxmax"))
            lines.append(
                f"- **{method}**: {low['coverage']:.3f} ({low['column']}) to "
                f"{high['coverage']:.3f} ({high['column']}); {why}"
            )
    return "\n".join(lines)


def _detail(main: pd.DataFrame) -> str:
    lead = main[main["method"] == "poisson_did (default)"]
    lead = lead.iloc[np.argsort([_place(c) for c in lead["column"]], kind="stable")]
    head = "| treated | bias | spread of estimates | mean standard error | median width |\n"
    body = "".join(
        f"| {r.column} | {r.bias:.3f} | {r.spread:.3f} | {r.mean_se:.3f} | {r.width:.2f} |\n"
        for r in lead.itertuples()
    )
    return (
        f"The default in detail (log rate ratio):\n\n{head}{'|---' * 5}|\n{body}\nCoverage is of "
        "the interval around the estimate; the small negative bias is that of a logarithm of small "
        "counts."
    )


def _worlds(parts: dict[str, pd.DataFrame]) -> str:
    lead = pd.concat([parts["every"], parts["worlds"], parts["patches"]])
    lead = lead[lead["method"] == "poisson_did (default)"]
    columns = sorted(lead["column"].unique(), key=_place)
    table = lead.pivot_table(index="world", columns="column", values="coverage", sort=False)[
        columns
    ]
    draws = int(parts["worlds"]["draws"].min())
    text = (
        "## The default in other worlds\n\nThe rule was made looking at the first family of worlds "
        "and left alone before the second was run for the first time; nothing was changed after. "
        f"{draws:,} draws a cell or more (Monte Carlo error {_error(draws):.3f})."
    )
    for title, worlds in (("looked at while it was made", TUNED), ("untouched", UNTOUCHED)):
        names = [world.name for world in worlds if world.name in table.index]
        told = "\n".join(f"- *{w.name}*: {w.told}." for w in worlds)
        grid = _grid(f"worlds {title}", names, table.loc[names])
        text += f"\n\n{told}\n\n{grid}"
    return text


def _models(models: pd.DataFrame) -> str:
    models = models.assign(row=models["world"] + ", " + models["method"])
    table = models.pivot_table(index="row", columns="column", values="coverage", sort=False)
    table = table[sorted(table.columns, key=_place)].sort_index()
    draws = int(models["draws"].min())
    return (
        f"The same error in imputation, in the untouched worlds ({draws:,} draws a cell or "
        f"more, Monte Carlo error {_error(draws):.3f} at most):\n\n"
        + _grid("world, estimator", list(table.index.astype(str)), table)
    )


def _few(few: pd.DataFrame) -> str:
    split = few["column"].str.extract(r"(\d+) treated, (\d+) controls").astype(int)
    few = few.assign(treated=split[0].to_numpy(), controls=split[1].to_numpy())
    head = "| treated | controls | coverage | with an interval | median width (log) |\n"
    body = "".join(
        f"| {r.treated} | {r.controls} | {_bold(r.coverage)} | {r.with_interval / r.draws:.0%} | "
        f"{'–' if np.isnan(r.width) else f'{r.width:.2f}'} |\n"
        for r in few.sort_values(["treated", "controls"]).itertuples()
    )
    draws = int(few["draws"].min())
    return (
        f"## Few controls\n\nThe default, scattered areas, the first world, {draws:,} draws. With "
        "one control period effects fit it exactly: no interval, and the reason in the notes. With "
        "two the interval holds, and is as wide as one degree of freedom makes it.\n\n"
        f"{head}{'|---' * 5}|\n{body}"
    ).rstrip()


def _limits(parts: dict[str, pd.DataFrame]) -> str:
    lead = pd.concat([parts["every"], parts["worlds"], parts["patches"]])
    lead = lead[lead["method"] == "poisson_did (default)"].set_index(["world", "column"])

    def at(world: str, column: str) -> str:
        return f"{lead.loc[(world, column), 'coverage']:.3f}"

    patches = lead.xs("40 patch", level="column")["coverage"].drop("no labels")
    bare = [at("no labels", f"{k} clustered") for k in (5, 10, 40)]
    with_labels = [at(ISSUE.name, f"{k} clustered") for k in (5, 10, 40)]
    return (
        "## What the default does not do\n\n"
        "- **No borough labels.** Shocks that areas have in common cannot be told from the panel "
        f"alone. Where treated areas lie together the interval is then too narrow: {bare[0]}, "
        f"{bare[1]}, {bare[2]} for 5, 10, 40 clustered, against {with_labels[0]}, "
        f"{with_labels[1]}, {with_labels[2]} with labels. Scattered areas lose nothing. Give "
        "`Panel.from_counts(cluster=…)`.\n"
        "- **Treated areas that adjoin across borough borders.** Covariances between boroughs are "
        "left out. It matters where shocks fade with distance rather than stop at borders: a patch "
        f"of 40 of 200 has {at(ISSUE.name, '40 patch')} in the first world and between "
        f"{patches.min():.3f} (*{patches.idxmin()}*) and {patches.max():.3f} "
        f"(*{patches.idxmax()}*) over all that have labels. Labels of larger units, or replay, "
        "answer it.\n"
        "- **Areas chosen for recent counts**: no error answers that; replay does "
        "([calibration.md](calibration.md)).\n"
        "- **Treated areas noisier than controls of like level**: the default borrows the noise of "
        "controls. CR2 does not. In the *linear* models the noise of controls is not brought to "
        "the level of the treated: where these were hot (*staggered*, scattered) linear imputation "
        "fell below the aim, see above. Lead with the ratio models."
    )


def _grid(corner: str, names: list[str], table: pd.DataFrame) -> str:
    head = f"| {corner} | " + " | ".join(table.columns) + " |\n"
    head += "|---" * (len(table.columns) + 1) + "|\n"
    return (
        head
        + "".join(
            f"| {name} | " + " | ".join(map(_bold, row)) + " |\n"
            for name, row in zip(names, table.to_numpy(), strict=True)
        ).rstrip()
    )


def _bold(value: float) -> str:
    if np.isnan(value):
        return "–"
    return f"{value:.3f}" if LOW <= round(value, 3) <= HIGH else f"**{value:.3f}**"


def _place(column: str) -> int:
    k, places = column.split(" ")[:2]
    order = ["scattered", "clustered", "patch"].index(places)
    return 1_000 * (order // 2) + 2 * int(k) + order


def _error(draws: int) -> float:
    return float(np.sqrt(0.95 * 0.05 / draws))


def _flat(text: str) -> str:
    return " ".join(text.split())
