"""Time: a contiguous run of weeks, four-week blocks, months, years or plain steps."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hotspot_eval.errors import InputError, Problem, check_choice

__all__ = ["Frequency", "PeriodLike", "Periods", "distinct", "interval_days"]

Frequency = Literal["week", "four_week", "month", "year", "step"]
PeriodLike = str | int | dt.date | np.datetime64 | pd.Period
Days = NDArray[np.datetime64]

_MONTH = re.compile(r"(\d{4})-?(\d{2})")
_DAY = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?:[T ]00:00(?::00(?:\.0+)?)?)?")
_YEAR = re.compile(r"\d{4}")
_STEP = re.compile(r"-?\d+")
_ALIKE = ("string", "integer", "floating", "mixed-integer-float", "date", "datetime", "period")
_BLOCK_DAYS: dict[str, int] = {"week": 7, "four_week": 28, "step": 1}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Periods:
    """Contiguous periods, in time order.

    Parameters
    ----------
    starts : ndarray of datetime64[D], shape (T,)
        First day of each period.
    ends : ndarray of datetime64[D], shape (T,)
        First day after each period; ``ends[t] == starts[t + 1]``.
    frequency : {"week", "four_week", "month", "year", "step"}
        ``"step"`` is an integer time axis without a calendar (day ``k`` stands for step ``k``).
    labels : tuple of str, length T
        Made from the rest: months as ``"2022-07"``, weeks and blocks as their first day, years and
        steps as numbers.

    Raises
    ------
    InputError
        If the periods are empty, overlap or leave a gap.

    Examples
    --------
    >>> months = Periods.span("2022-05", "2022-07", frequency="month")
    >>> months.labels
    ('2022-05', '2022-06', '2022-07')
    >>> months.share("2022-06-16", "2022-07")
    array([0. , 0.5, 1. ])
    """

    starts: Days
    ends: Days
    frequency: Frequency
    labels: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        check_choice("frequency", self.frequency, get_args(Frequency))
        starts = np.array(self.starts, dtype="datetime64[D]")
        ends = np.array(self.ends, dtype="datetime64[D]")
        if starts.ndim != 1 or not len(starts) or starts.shape != ends.shape:
            raise InputError(
                Problem(where="periods", what="need one start and one end each, at least one")
            )
        if (starts >= ends).any() or (ends[:-1] != starts[1:]).any():
            raise InputError(
                Problem(where="periods", what="must follow each other without gap or overlap")
            )
        starts.flags.writeable = ends.flags.writeable = False
        object.__setattr__(self, "starts", starts)
        object.__setattr__(self, "ends", ends)
        object.__setattr__(self, "labels", _labels(starts, self.frequency))

    def __len__(self) -> int:
        return len(self.starts)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Periods)
            and self.frequency == other.frequency
            and np.array_equal(self.starts, other.starts)
            and np.array_equal(self.ends, other.ends)
        )

    def __hash__(self) -> int:
        return hash((self.frequency, self.starts.tobytes(), self.ends.tobytes()))

    @classmethod
    def span(cls, first: PeriodLike, last: PeriodLike, *, frequency: Frequency) -> Periods:
        """The periods from the one that holds ``first`` to the one that holds ``last``.

        Weeks and four-week blocks are counted from the day ``first`` itself.
        """
        check_choice("frequency", frequency, get_args(Frequency))
        start, _ = interval_days(first, frequency)
        _, end = interval_days(last, frequency)
        if end <= start:
            raise InputError(
                Problem(
                    where="periods",
                    what=f"the last period {last} ends before the first, {first}, starts",
                )
            )
        if frequency in ("month", "year"):
            unit = "M" if frequency == "month" else "Y"
            edges = np.arange(
                start.astype(f"datetime64[{unit}]"),
                (end - np.timedelta64(1, "D")).astype(f"datetime64[{unit}]") + 2,
            ).astype("datetime64[D]")
        else:
            block = _BLOCK_DAYS[frequency]
            count = -(-int((end - start).astype(int)) // block)
            edges = start + np.arange(count + 1) * np.timedelta64(block, "D")
        return cls(starts=edges[:-1], ends=edges[1:], frequency=frequency)

    @classmethod
    def from_values(
        cls, values: Iterable[object], *, frequency: Frequency | None = None, where: str = "period"
    ) -> tuple[Periods, NDArray[np.intp]]:
        """Read a column of period labels.

        Parameters
        ----------
        values : iterable
            Months (``"2022-07"``, ``202207``), dates that start a period, years, pandas periods
            or plain integers.
        frequency : str, optional
            Needed when the values alone do not tell (dates that do not start a period).
        where : str
            Named in errors.

        Returns
        -------
        periods : Periods
            From the first to the last value, periods without a row included.
        position : ndarray of int, shape (rows,)
            Position of each row's period.
        """
        if not isinstance(values, (pd.Series, np.ndarray)):
            values = pd.Series(list(values), dtype=object)
        codes, seen = distinct(values)
        blank = np.array([*(not str(value).strip() for value in seen), True])[codes]
        if len(codes) == 0 or blank.any():
            raise InputError(
                Problem(
                    where=where,
                    what="is empty" if len(codes) == 0 else "has blank periods, row numbers",
                    examples=list(np.flatnonzero(blank)),
                    advice="Give every row its period.",
                )
            )
        same, unique = pd.factorize(pd.Series(seen, dtype=object).map(_plain))
        if frequency is None:
            frequency = _infer(unique, where)
        days = np.array([interval_days(value, frequency, where)[0] for value in unique])
        first = days.min()
        periods = cls.span(
            _as_label(first, frequency), _as_label(days.max(), frequency), frequency=frequency
        )
        place = np.searchsorted(periods.starts, days, side="right") - 1
        return periods, place[same][codes]

    def interval(self, value: PeriodLike) -> tuple[np.datetime64, np.datetime64]:
        """First day of ``value`` and first day after it: a period's label, or a single date.

        A string or integer that is a label of these periods means the whole period; a date object
        means that day.
        """
        plain = _plain(value)
        if isinstance(plain, str) and plain in self.labels:
            place = self.labels.index(plain)
            return self.starts[place], self.ends[place]
        return interval_days(plain, self.frequency)

    def position(self, value: PeriodLike) -> int:
        """Position of the period that holds the first day of ``value``.

        Raises
        ------
        InputError
            If it lies outside these periods.
        """
        day, _ = self.interval(value)
        place = int(np.searchsorted(self.starts, day, side="right")) - 1
        if place < 0 or day >= self.ends[-1]:
            raise InputError(
                Problem(
                    where=f"period {value}",
                    what=f"lies outside the panel, {self.labels[0]} to {self.labels[-1]}",
                )
            )
        return place

    def share(self, start: PeriodLike, end: PeriodLike | None = None) -> NDArray[np.float64]:
        """Share of each period's days from ``start`` to ``end``, both included; shape (T,).

        ``end=None`` means that it goes on to the end of the periods.
        """
        first, _ = self.interval(start)
        after = self.ends[-1] if end is None else self.interval(end)[1]
        if end is not None and after <= first:
            raise InputError(
                Problem(where="spell", what=f"ends ({end}) before it starts ({start})")
            )
        covered = np.minimum(self.ends, after) - np.maximum(self.starts, first)
        days = (self.ends - self.starts).astype(np.float64)
        return np.clip(covered.astype(np.float64), 0.0, None) / days

    def take(self, first: int, stop: int) -> Periods:
        """The periods at positions ``first`` to ``stop - 1``."""
        return Periods(
            starts=self.starts[first:stop], ends=self.ends[first:stop], frequency=self.frequency
        )


def distinct(values: pd.Series | NDArray[Any]) -> tuple[NDArray[np.intp], list[Any]]:
    """Code of each value, −1 where it is missing, and the values once each.

    Objects that are equal but not alike, as ``True`` and ``1``, are not brought together.

    Examples
    --------
    >>> codes, once = distinct(pd.Series(["b", "a", None, "b"]))
    >>> codes.tolist(), once
    ([0, 1, -1, 0], ['b', 'a'])
    """
    if values.dtype == object and pd.api.types.infer_dtype(values, skipna=True) not in _ALIKE:
        codes = np.where(pd.isna(values), -1, np.arange(len(values)))
        return codes, list(values)
    codes, once = pd.factorize(values)
    return codes, list(pd.Series(once))


def _labels(starts: Days, frequency: Frequency) -> tuple[str, ...]:
    if frequency == "step":
        return tuple(str(number) for number in starts.astype(int))
    width = {"month": 7, "year": 4}.get(frequency, 10)
    return tuple(str(day)[:width] for day in starts)


def _plain(value: Any) -> Any:
    """Period-likes in one of three forms: a string, a date (datetime64[D]) or an unknown object."""
    if isinstance(value, pd.Period):
        known = {"M": "%Y-%m", "Y": "%Y", "W": "%Y-%m-%d"}
        letter = value.freqstr.split("-")[0]
        if letter not in known:
            raise InputError(
                Problem(where="period", what=f"frequency {value.freqstr} is not supported")
            )
        return value.start_time.strftime(known[letter])
    if isinstance(value, (dt.datetime, pd.Timestamp, np.datetime64)):
        return pd.Timestamp(value).to_datetime64().astype("datetime64[D]")
    if isinstance(value, dt.date):
        return np.datetime64(value, "D")
    if isinstance(value, (bool, np.bool_)):
        return value
    if isinstance(value, (int, np.integer)):
        return str(int(value))
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        return str(int(value))
    return value.strip() if isinstance(value, str) else value


def _infer(values: Iterable[Any], where: str) -> Frequency:
    plain = list(values)
    if all(isinstance(v, str) for v in plain):
        if all(_YEAR.fullmatch(v) and "1800" <= v <= "2200" for v in plain):
            return "year"
        if all(_is_month(v) for v in plain):
            return "month"
        if all(_STEP.fullmatch(v) for v in plain):
            return "step"
    days = np.sort(np.array([interval_days(v, "week", where)[0] for v in plain]))
    if all(str(day).endswith("-01") for day in days):
        return "month"
    gaps = np.diff(days).astype(int)
    if len(gaps) and (gaps % 28 == 0).all():
        return "four_week"
    if len(gaps) and (gaps % 7 == 0).all():
        return "week"
    raise InputError(
        Problem(
            where=where,
            what="dates do not tell whether the periods are weeks, four-week blocks or months",
            examples=[str(day) for day in days],
            advice="Pass frequency=, or use Panel.from_incidents for dated records.",
        )
    )


def _is_month(value: str) -> bool:
    match = _MONTH.fullmatch(value)
    return match is not None and "01" <= match[2] <= "12" and "1800" <= match[1] <= "2200"


def interval_days(
    value: Any, frequency: Frequency, where: str = "period"
) -> tuple[np.datetime64, np.datetime64]:
    """First day of a period's label (or a single date) and first day after it.

    Examples
    --------
    >>> [str(day) for day in interval_days("2022-02", "month")]
    ['2022-02-01', '2022-03-01']
    """
    plain = _plain(value)
    one = np.timedelta64(1, "D")
    if isinstance(plain, np.datetime64) and not np.isnat(plain):
        return plain, plain + one
    if isinstance(plain, str):
        if frequency == "step" and _STEP.fullmatch(plain):
            return np.datetime64(int(plain), "D"), np.datetime64(int(plain) + 1, "D")
        if frequency == "year" and _YEAR.fullmatch(plain):
            year = np.datetime64(plain, "Y")
            return year.astype("datetime64[D]"), (year + 1).astype("datetime64[D]")
        if _is_month(plain):
            month = np.datetime64(f"{plain[:4]}-{plain[-2:]}", "M")
            return month.astype("datetime64[D]"), (month + 1).astype("datetime64[D]")
        if _DAY.fullmatch(plain):
            day = pd.to_datetime(plain[:10], format="%Y-%m-%d", errors="coerce")
            if not pd.isna(day):
                return interval_days(day, frequency, where)
    raise InputError(
        Problem(
            where=where,
            what=f"{value!r} is neither a period nor a date",
            advice="Write months as 2022-07 and days as 2022-07-31.",
        )
    )


def _as_label(day: np.datetime64, frequency: Frequency) -> PeriodLike:
    return int(day.astype(int)) if frequency == "step" else day
