"""However street files are shuffled, split or told again: the same panel, or a named refusal."""

from __future__ import annotations

import gzip
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from hotspot_eval.data.engine import Limits
from hotspot_eval.data.geography import lsoa_components
from hotspot_eval.data.police_uk import read_police_uk
from hotspot_eval.errors import InputError

HEADER = (
    "Crime ID,Month,Reported by,Falls within,Longitude,Latitude,Location,LSOA code,LSOA name,"
    "Crime type,Last outcome category,Context"
)
TYPES = ("Anti-social behaviour", "Robbery", "Violence and sexual offences")
FORCES = ("Northumbria Police", "Durham Constabulary")


@st.composite
def records(draw: st.DrawFn) -> pd.DataFrame:
    """Street rows with real repeats: few places, few months, no id on anti-social behaviour."""
    size = draw(st.integers(1, 40))
    column = st.lists(st.integers(0, 10**6), min_size=size, max_size=size)
    pick = [np.array(draw(column)) for _ in range(4)]
    kind = np.array(TYPES)[pick[0] % 3]
    place = pick[1] % 4
    return pd.DataFrame(
        {
            "id": ["" if k.startswith("Anti") else f"{n:064x}" for n, k in enumerate(kind)],
            "month": np.array(["2022-01", "2022-02", "2022-03"])[pick[2] % 3],
            "force": np.array(FORCES)[pick[3] % 2],
            "code": np.where(place == 3, "", np.char.add("E0102063", place.astype(str))),
            "type": kind,
        }
    )


def written(rows: pd.DataFrame) -> bytes:
    lines = [
        f"{r.id},{r.month},{r.force},{r.force},"
        + ("-1.6,54.9" if r.code else ",")
        + f",On or near High Street,{r.code},,{r.type},,"
        for r in rows.itertuples()
    ]
    return "\r\n".join([HEADER, *lines, ""]).encode()


def told(rows: pd.DataFrame) -> dict[tuple[str, str, str], int]:
    """The slow and obvious way: located rows by LSOA, month and type."""
    located = rows[rows["code"] != ""]
    return located.groupby(["code", "month", "type"]).size().to_dict()


def read(folder: Path, **options: str) -> dict[tuple[str, str, str], int]:
    panel = read_police_uk(folder, **options).panel(  # type: ignore[arg-type]
        outcomes={kind: [kind] for kind in TYPES}, absent_types="zero", areas=CODES
    )
    frame = panel.to_frame().melt(["area", "period"], list(TYPES))
    frame = frame[frame["value"].fillna(0) > 0]
    keys = zip(frame["area"], frame["period"], frame["variable"], strict=True)
    return dict(zip(keys, frame["value"].astype(int), strict=True))


CODES = ["E01020630", "E01020631", "E01020632"]


def deliver(folder: Path, parts: dict[str, pd.DataFrame], packing: str) -> None:
    if packing == "zip":
        with zipfile.ZipFile(folder / "download.zip", "w") as archive:
            for name, rows in parts.items():
                archive.writestr(name, written(rows))
        return
    for name, rows in parts.items():
        target = folder / name
        target.parent.mkdir(exist_ok=True)
        if packing == "gz":
            target.with_name(target.name + ".gz").write_bytes(gzip.compress(written(rows)))
        else:
            target.write_bytes(written(rows))


def months_apart(rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
    return {
        f"{month}/{month}-{force.split()[0].lower()}-street.csv": part
        for (month, force), part in rows.groupby(["month", "force"])
    }


def complete(rows: pd.DataFrame) -> bool:
    """Every force told of every month between the first and the last."""
    span = len(pd.period_range(rows["month"].min(), rows["month"].max(), freq="M"))
    return len(rows[["force", "month"]].drop_duplicates()) == span * rows["force"].nunique()


@settings(max_examples=10, deadline=None)
@given(records(), st.integers(0, 2**32 - 1), st.sampled_from(["csv", "gz", "zip"]))
def test_order_and_packing_never_matter(rows: pd.DataFrame, seed: int, packing: str) -> None:
    shuffled = rows.sample(frac=1, random_state=seed)
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        deliver(Path(one), {"all.csv": rows}, "csv")
        deliver(Path(other), months_apart(shuffled), packing)
        first, second = read(Path(one)), read(Path(other))
    assert first == second
    if complete(rows):
        assert first == told(rows)
    else:
        assert first.items() <= told(rows).items()


@settings(max_examples=12, deadline=None)
@given(records(), st.integers(0, 2**32 - 1), st.integers(2, 3))
def test_splitting_gives_the_same_panel_or_a_refusal(
    rows: pd.DataFrame, seed: int, pieces: int
) -> None:
    part = np.random.default_rng(seed).integers(0, pieces, len(rows))
    files = {f"part-{k}.csv": rows[part == k] for k in range(pieces) if (part == k).any()}
    with tempfile.TemporaryDirectory() as whole, tempfile.TemporaryDirectory() as split:
        deliver(Path(whole), {"all.csv": rows}, "csv")
        deliver(Path(split), files, "csv")
        truth = read(Path(whole))
        try:
            assert read(Path(split)) == truth
        except InputError as refusal:
            assert "is in several files with different content" in str(refusal)
        assert read(Path(split), same_month="parts") == truth


@settings(max_examples=10, deadline=None)
@given(records(), st.integers(0, 2**32 - 1), st.booleans())
def test_telling_again_gives_the_same_panel_or_a_refusal(
    rows: pd.DataFrame, seed: int, partly: bool
) -> None:
    rng = np.random.default_rng(seed)
    again = rows.sample(
        n=int(rng.integers(1, len(rows) + 1)) if partly else len(rows),
        random_state=rng.integers(2**32),
    )
    with tempfile.TemporaryDirectory() as once, tempfile.TemporaryDirectory() as twice:
        deliver(Path(once), {"all.csv": rows}, "csv")
        deliver(Path(twice), {"all.csv": rows, "more.csv": again, "x/all.csv": rows}, "csv")
        truth = read(Path(once))
        try:
            assert read(Path(twice)) == truth
        except InputError as refusal:
            assert "is in several files with different content" in str(refusal)


@settings(max_examples=5, deadline=None)
@given(records(), st.integers(1, 3))
def test_threads_and_batches_never_matter(rows: pd.DataFrame, threads: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        deliver(Path(folder), months_apart(rows), "gz")
        limits = Limits(threads=threads, batch_mb=1)
        kinds = {"all": list(TYPES)}
        one = read_police_uk(folder).panel(outcomes=kinds, areas=CODES, absent_types="zero")
        other = read_police_uk(folder, limits=limits).panel(
            outcomes=kinds, areas=CODES, absent_types="zero"
        )
    assert (one.counts == other.counts).all() and (one.observed == other.observed).all()


OVERLAP = pd.DataFrame(
    {
        "LSOA11CD": ["E01000001", "E01000002", "E01000002", "E01000003", "E01000004"],
        "LSOA21CD": ["E01000001", "E01033701", "E01033702", "E01033703", "E01033703"],
    }
).assign(share_of_lsoa11=1.0, share_of_lsoa21=1.0)
UNITS = {
    "E01000001": 0, "E01000002": 1, "E01033701": 1, "E01033702": 1,
    "E01000003": 2, "E01000004": 2, "E01033703": 2,
}  # fmt: skip


@settings(max_examples=15, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(sorted(UNITS)), st.integers(0, 2), st.booleans()),
        min_size=1, max_size=40,
    )
)  # fmt: skip
def test_codes_of_2011_and_2021_mixed_row_by_row_are_joined(
    rows: list[tuple[str, int, bool]],
) -> None:
    """Whichever vintage each row uses, the panel of joined areas counts it in the right one."""
    months = ["2023-01", "2023-02", "2023-03"]
    told = np.zeros((3, 3), dtype=int)
    lines = [HEADER]
    for k, (code, month, lower) in enumerate(rows):
        told[UNITS[code], month] += 1
        written = code.lower() if lower else code
        lines.append(f"{k:064x},{months[month]},F,F,-1.6,54.9,x,{written},,Robbery,,")
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "a.csv").write_text("\n".join([*lines, ""]))
        incidents = read_police_uk(folder, start=months[0], end=months[-1])
        panel = incidents.panel(outcomes=["robbery"], areas=lsoa_components(OVERLAP))
    units = {area: k for k, area in enumerate(sorted(panel.areas))}
    assert len(units) == 3
    there = [k for k in range(3) if told[:, k].sum()]
    assert (panel.counts[:, there, 0] == told[:, there]).all()
    vintages = {"2011": 0, "2021": 0, "both": 0}
    for code, _, _ in rows:
        old, new = code in set(OVERLAP["LSOA11CD"]), code in set(OVERLAP["LSOA21CD"])
        vintages["both" if old and new else "2011" if old else "2021"] += 1
    frame = panel.ledger.to_frame()
    noted = dict(zip(frame["reason"], frame["rows"], strict=True))
    assert noted.get("LSOA code of 2011 only", 0) == vintages["2011"]
    assert noted.get("LSOA code of 2021 only", 0) == vintages["2021"]
