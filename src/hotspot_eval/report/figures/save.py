"""Saving a figure: a PNG at twice the size, and the numbers in it, the same bytes every time."""

from __future__ import annotations

import io
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from hotspot_eval.report.entries import FigureFile, Table
from hotspot_eval.report.files import slug, write_atomically

__all__ = ["save_figure"]


def save_figure(
    figure: Figure,
    folder: Path,
    *,
    name: str,
    title: str,
    subtitle: str,
    alt: str,
    source: str = "",
    data: pd.DataFrame | None = None,
    part: str = "",
) -> FigureFile:
    """Save a figure, and its data as CSV, into ``folder``; returns the entry for the record."""
    stem = slug(f"{part}-{name}" if part else name)
    image = io.BytesIO()
    figure.savefig(image, format="png", dpi=200, metadata={"Software": None})
    write_atomically(folder / f"{stem}.png", image.getvalue())
    if data is not None:
        table = Table.from_frame(name, data, caption=title, counts=())
        text = table.to_frame().to_csv(index=False, lineterminator="\n")
        write_atomically(folder / f"{stem}.csv", text)
    width, height = (round(100 * float(inches)) for inches in figure.get_size_inches())
    return FigureFile(
        name=name,
        file=f"{stem}.png",
        title=title,
        subtitle=subtitle,
        alt=alt,
        source=source,
        data_file="" if data is None else f"{stem}.csv",
        width=width,
        height=height,
        part=part,
    )
