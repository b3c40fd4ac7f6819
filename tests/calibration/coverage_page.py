"""docs/coverage.md from the rows of a coverage study."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pandas as pd
from tests.calibration.coverage_text import (
    MAIN,
    REFEREE_FOUND,
    REFEREE_SETTING,
    SETTING,
    TABLES,
    Table,
)
from tests.calibration.coverage_worlds import ISSUE, TUNED, UNTOUCHED
from tests.calibration.referee_worlds import REFEREE

__all__ = ["page", "summary"]

LOW, HIGH = 0.93, 0.97
DEFAULT = "poisson_did (default)"


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
    sections = ["# Coverage", _intro(parts["lead"]), _default(parts["lead"])]
    sections += [_table(table, parts) for table in (MAIN, *TABLES)]
    for asked, told in (
        (("worlds", "patches"), _worlds),
        (("models",), _models),
        (("referee",), _referee),
        (("few",), _few),
        (("worlds", "patches", "referee"), _limits),
    ):
        sections += [told(parts)] if set(asked) <= set(parts) else []
    return "\n\n".join(section for section in sections if section) + "\n"


def _intro(lead: pd.DataFrame) -> str:
    draws = int(lead["draws"].max())
    setting = "\n\n".join(_flat(part) for part in SETTING.split("\n\n"))
    return (
        "Made by `make coverage`. Share of 95 % intervals that hold the truth, each draw with a "
        f"seed of its own. The aim is {LOW} to {HIGH}. Numbers outside it, by more than two Monte "
        "Carlo errors from 0.95, are **bold**; below each table stands why. The Monte Carlo error "
        f"is {_error(draws):.3f} with {draws:,} draws a column, {_error(500):.3f} with 500. "
        "*Draws* are those of the column with the fewest. In brackets: the share of draws with an "
        f"interval, where some had none.\n\nSetting: {setting}"
    )


def _default(main: pd.DataFrame) -> str:
    lead = main[main["method"] == DEFAULT]
    lead = lead.iloc[np.argsort([_place(c) for c in lead["column"]], kind="stable")]
    head = "| treated | coverage | bias | spread of estimates | mean standard error | width |\n"
    body = "".join(
        f"| {r.column} | {_bold(r.coverage)} | {r.bias:.3f} | {r.spread:.3f} | {r.mean_se:.3f} | "
        f"{r.width:.2f} |\n"
        for r in lead.itertuples()
    )
    return (
        f"## The named default: `poisson_did`\n\nLog rate ratio, {int(lead['draws'].min()):,} "
        f"draws; median width.\n\n{head}{'|---' * 6}|\n{body}\nCoverage is of the interval around "
        "the estimate; the small negative bias is that of a logarithm of small counts."
    )


def _table(table: Table, parts: dict[str, pd.DataFrame]) -> str:
    """One table, and a sentence for each of its rows that falls short."""
    there = [parts[part] for part in table.parts if part in parts]
    if not there:
        return ""
    cells = pd.concat(there).set_index(["method", "column"])
    columns = sorted(cells.index.unique("column"), key=_place)
    head = f"| estimator, error | {' | '.join(columns)} | draws |\n{'|---' * (len(columns) + 2)}|\n"
    body, short = "", defaultdict(list)
    for method, why in table.rows.items():
        if method not in cells.index.unique("method"):
            continue
        own = cells.loc[method]
        told = [_cell(own.loc[c]) if c in own.index else "–" for c in columns]
        body += f"| {method} | {' | '.join(told)} | {int(own['draws'].min()):,} |\n"
        if any("**" in cell for cell in told):
            short[why or "not explained"].append(f"*{method}*")
    reasons = "\n".join(f"- {'; '.join(names)}: {why}." for why, names in short.items())
    return f"## {table.title}\n\n{table.told}\n\n{head}{body}\n{reasons}".rstrip()


def _cell(seen: pd.Series) -> str:
    """Coverage, and how many draws had an interval where some had none."""
    share = float(seen["with_interval"] / seen["draws"])
    if share < 0.05:
        return "–"
    told = _bold(float(seen["coverage"]), float(seen["with_interval"]))
    return told + (f" ({share:.0%})" if share < 0.995 else "")


def _worlds(parts: dict[str, pd.DataFrame]) -> str:
    lead = pd.concat([parts["lead"], parts["worlds"], parts["patches"]])
    lead = lead[lead["method"] == DEFAULT]
    columns = sorted(lead["column"].unique(), key=_place)
    table = lead.pivot_table(index="world", columns="column", values="coverage", sort=False)[
        columns
    ]
    draws = int(parts["worlds"]["draws"].min())
    text = (
        "## The default in other worlds\n\nWhat controls and boroughs tell was made looking at the "
        "first family of worlds, and left alone before the second was run for the first time. What "
        "treated areas share besides, told from their own past, was added when both had been seen, "
        "because of the columns *patch* and *no labels*: before, 40 areas of a patch had 0.824 "
        "(*short*, *no borough shock*), and clustered ones without labels 0.918, 0.874, 0.874. Its "
        "prior that nothing more is shared where boroughs are known was then raised from 2/3 to "
        "3/4, because 40 clustered in the first world had 0.9705 of 2,000 draws. "
        f"{draws:,} draws a cell or more (Monte Carlo error {_error(draws):.3f})."
    )
    for title, worlds in (
        ("looked at while it was made", TUNED),
        ("looked at after that", UNTOUCHED),
    ):
        names = [world.name for world in worlds if world.name in table.index]
        told = "\n".join(f"- *{w.name}*: {w.told}." for w in worlds)
        grid = _grid(f"worlds {title}", names, table.loc[names], draws)
        text += f"\n\n{told}\n\n{grid}"
    return text


def _models(parts: dict[str, pd.DataFrame]) -> str:
    models = parts["models"]
    models = models.assign(row=models["world"] + ", " + models["method"])
    table = models.pivot_table(index="row", columns="column", values="coverage", sort=False)
    table = table[sorted(table.columns, key=_place)].sort_index()
    draws = int(models["draws"].min())
    return (
        f"The same error in imputation, in the worlds looked at later ({draws:,} draws a cell or "
        f"more, Monte Carlo error {_error(draws):.3f} at most):\n\n"
        + _grid("world, estimator", list(table.index.astype(str)), table, draws)
        + "\n\nThe linear error was brought to the level of the treated after these worlds were "
        "first seen, where *staggered*, scattered, had 0.905, 0.860, 0.870: for it they are "
        "untouched no more."
    )


def _referee(parts: dict[str, pd.DataFrame]) -> str:
    table = _referee_table(parts)
    draws = int(parts["referee"]["draws"].min())
    setting = "\n\n".join(_flat(part) for part in REFEREE_SETTING.split("\n\n"))
    text = (
        f"## Worlds written by a referee\n\n{setting} {draws:,} draws a cell (Monte Carlo error "
        f"{_error(draws):.3f})."
    )
    for labelled, title in ((True, "borough labels given"), (False, "no borough labels")):
        worlds = [world for world in REFEREE if world.labelled is labelled]
        names = [world.name for world in worlds]
        told = "\n".join(f"- *{world.name}*: {world.told}." for world in worlds)
        text += f"\n\n{told}\n\n{_grid(title, names, table.loc[names], draws)}"
    return f"{text}\n\n{_referee_found(table)}"


def _referee_table(parts: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Coverage, worlds × columns."""
    table = parts["referee"].pivot_table(
        index="world", columns="column", values="coverage", sort=False
    )
    return table[sorted(table.columns, key=_place)].round(4)


def _referee_found(table: pd.DataFrame) -> str:
    known = table.loc[[world.name for world in REFEREE if world.labelled]]
    unknown = table.drop(index=known.index)
    pasts = [world.start for world in REFEREE if not world.labelled]
    low = known.stack()
    low = low[low < LOW].sort_values()
    paragraphs = REFEREE_FOUND.format(
        known=_share_in_band(known),
        unknown=_share_in_band(unknown),
        wide=_span(unknown.filter(like="scattered").stack()),
        pasts=f"{min(pasts)} to {max(pasts)}",
        with_labels=_scattered(table, "D boroughs"),
        without_labels=_scattered(table, "D2 boroughs untold"),
        many=_span(unknown["40 clustered"]),
        narrow=", ".join(f"{value:.3f} (*{w}*, {column})" for (w, column), value in low.items()),
    )
    return "\n\n".join(_flat(part).replace(" - **", "\n- **") for part in paragraphs.split("\n\n"))


def _share_in_band(table: pd.DataFrame) -> str:
    above, below = int((table > HIGH).sum().sum()), int((table < LOW).sum().sum())
    return (
        f"{table.size - above - below} of {table.size} cells lie in {LOW} to {HIGH}, {above} above "
        f"and {below} below"
    )


def _scattered(table: pd.DataFrame, world: str) -> str:
    return ", ".join(f"{value:.3f}" for value in table.loc[world].filter(like="scattered"))


def _span(values: pd.Series) -> str:
    return f"{values.min():.3f} to {values.max():.3f}"


def _few(parts: dict[str, pd.DataFrame]) -> str:
    few = parts["few"]
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
    lead = pd.concat([parts["lead"], parts["worlds"], parts["patches"]])
    lead = lead[lead["method"] == DEFAULT].set_index(["world", "column"])

    def at(world: str, column: str) -> str:
        return f"{lead.loc[(world, column), 'coverage']:.3f}"

    patches = lead.xs("40 patch", level="column")["coverage"].drop("no labels")
    judged = _referee_table(parts)
    untold = judged.loc[[world.name for world in REFEREE if not world.labelled]]
    bare = [at("no labels", f"{k} clustered") for k in (5, 10, 40)]
    with_labels = [at(ISSUE.name, f"{k} clustered") for k in (5, 10, 40)]
    return (
        "## What the default does not do\n\n"
        "- **No borough labels.** What treated areas share is then told from their own periods "
        f"before treatment alone: {bare[0]}, {bare[1]}, {bare[2]} for 5, 10, 40 clustered, against "
        f"{with_labels[0]}, {with_labels[1]}, {with_labels[2]} with labels, and for scattered "
        "areas intervals wider by a tenth. In a referee's worlds without labels scattered areas "
        f"have {_span(untold.filter(like='scattered').stack())}, 40 clustered "
        f"{_span(untold['40 clustered'])}. Give `Panel.from_counts(cluster=…)`. With fewer than "
        "twelve periods before treatment, or gaps in them, it is left out, and a note says so.\n"
        "- **Nearest neighbours inside one large borough.** All areas of a borough are taken to "
        "share its shocks alike; where near ones share more, intervals are too narrow: down to "
        f"{judged.loc['I hot'].min():.3f} in a referee's world of ten boroughs (*I hot*), "
        f"{judged.loc['P short pre'].min():.3f} in one of eight (*P short pre*).\n"
        "- **Treated areas that adjoin across borough borders** are dealt with in the same way: a "
        f"patch of 40 of 200 has {at(ISSUE.name, '40 patch')} in the first world and between "
        f"{patches.min():.3f} (*{patches.idxmin()}*) and {patches.max():.3f} "
        f"(*{patches.idxmax()}*) over all that have labels. The shorter and the more persistent "
        "the past, the less it tells. `etwfe`, `switchers` and triple differences do without.\n"
        "- **Areas chosen for recent counts**: no error answers that; replay does "
        "([calibration.md](calibration.md)). That they all rose before the start is taken for "
        "shocks in common: where the 10 (40) of 200 with the largest rise over three months were "
        "taken, the standard error was 1.5 (2.2) times that without (40 draws).\n"
        "- **Treated areas noisier than controls of like level**: the default borrows the noise of "
        "controls. CR2 does not.\n"
        "- **Effects of single months of few areas.** Their coverage holds, but a mean of log "
        'ratios of single months, as `etwfe(scale="link")` and event studies have it, is biased '
        "where months have few events, and has no value where one has none. Sums do not: lead with "
        "`poisson_did` or `imputation`."
    )


def _grid(corner: str, names: list[str], table: pd.DataFrame, draws: int) -> str:
    head = f"| {corner} | " + " | ".join(table.columns) + " |\n"
    head += "|---" * (len(table.columns) + 1) + "|\n"
    return (
        head
        + "".join(
            f"| {name} | " + " | ".join(_bold(value, draws) for value in row) + " |\n"
            for name, row in zip(names, table.to_numpy(), strict=True)
        ).rstrip()
    )


def _bold(value: float, draws: float = np.inf) -> str:
    """Bold outside the aim, unless so few draws do not tell it from 0.95."""
    if np.isnan(value):
        return "–"
    fine = LOW <= round(value, 3) <= HIGH or abs(value - 0.95) <= 2.0 * _error(draws)
    return f"{value:.3f}" if fine else f"**{value:.3f}**"


def _place(column: str) -> int:
    k, places = column.split(" ")[:2]
    order = ["scattered", "clustered", "patch"].index(places)
    return 1_000 * (order // 2) + 2 * int(k) + order


def _error(draws: int) -> float:
    return float(np.sqrt(0.95 * 0.05 / draws))


def _flat(text: str) -> str:
    return " ".join(text.split())
