"""Params: what a study is, in one file a person can read; everything wrong is said at once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

from hotspot_eval.design import Kind
from hotspot_eval.did import ClusterBy
from hotspot_eval.errors import InputError, Problem
from hotspot_eval.periods import Frequency, interval_days
from hotspot_eval.run.faults import fault_problem, is_tag

__all__ = ["Params", "load_params", "params_or_problems"]

_MOST_BYTES = 1_000_000
_DEEPEST = 5
_NAME = Annotated[str, Field(min_length=1, max_length=120)]
_SLUG = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
Relative = Annotated[str, Field(min_length=1, max_length=400)]
When = Annotated[str, Field(pattern=r"^-?\d+$|^\d{4}-\d{2}(-\d{2})?$")]


def _refuse_reversed(name: str, start: str | None, end: str | None) -> None:
    if start is None or end is None:
        return
    frequency: Frequency = "step" if re.fullmatch(r"-?\d+", start) else "month"
    try:
        backwards = interval_days(end, frequency)[1] <= interval_days(start, frequency)[0]
    except InputError as error:
        raise ValueError(f"{name} has a date that does not exist: {error}") from None
    if backwards:
        raise ValueError(f"{name} ends ({end}) before it starts ({start})")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class CountsSource(_Strict):
    """Where the counts come from.

    ``tidy``: one row an area and period, a column an outcome. ``met_counts``: wide files of the
    London Datastore. ``police_uk``: street files. ``incidents``: dated records, one row each.
    ``types`` says which types of record an outcome adds up; records without an area are placed by
    their point. ``source`` and ``force`` say whose breaks of the calendar concern the study; where
    neither they nor the kind tell, all do.
    """

    kind: Literal["tidy", "met_counts", "police_uk", "incidents"]
    paths: list[Relative] = Field(min_length=1)
    area: str | None = "area"
    period: str = "period"
    outcome_column: str | None = None
    types: dict[str, list[str]] = {}
    longitude: str | None = None
    latitude: str | None = None
    easting: str | None = None
    northing: str | None = None
    date_format: str | None = None
    source: Literal["police_uk", "met", "internal"] | None = None
    force: str | None = None
    absent: Literal["zero", "missing"] | None = None


class AreasSource(_Strict):
    """Boundaries: any format and CRS that ``read_areas`` takes; ``level`` is what they are."""

    path: Relative
    id_column: str
    level: Literal["borough", "ward", "lsoa", "point"] | None = None
    cluster_column: str | None = None
    name_column: str | None = None
    layer: str | None = None
    crs: str | None = None


class PopulationSource(_Strict):
    """Population or area-days at risk of each area."""

    path: Relative
    id_column: str
    value_column: str


class RegisterSource(_Strict):
    """The intervention register.

    ``columns`` maps a field to the register's own heading where it is not recognised; ``kind`` is
    for rows that do not say theirs; ``kinds`` keeps some kinds only; ``problems`` says whether a
    deployment that cannot be placed stops the study or is left out and counted.
    """

    path: Relative
    columns: dict[str, str] = {}
    outputs: list[str] = []
    kind: Kind | None = None
    kinds: list[Kind] | None = None
    date_order: Literal["day_first", "month_first"] = "day_first"
    problems: Literal["raise", "leave_out"] = "raise"


class Treatment(_Strict):
    """A single operation told in the params instead of a register."""

    areas: list[Annotated[str, StringConstraints(strip_whitespace=True)]] = Field(min_length=1)
    start: When
    end: When | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        _refuse_reversed("treatment", self.start, self.end)
        return self


class Outcomes(_Strict):
    """One primary outcome, named beforehand; the rest is secondary."""

    primary: str
    secondary: list[str] = []

    @model_validator(mode="after")
    def _named_once(self) -> Self:
        names = [self.primary, *self.secondary]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"outcomes are named more than once: {', '.join(twice)}")
        return self


class Window(_Strict):
    """Length of a period, the months or weeks read, and the windows around each start."""

    frequency: Frequency = "month"
    start: When | None = None
    end: When | None = None
    pre_periods: int | None = Field(default=12, ge=1)
    post_periods: int | None = Field(default=None, ge=1)
    gap: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        _refuse_reversed("window", self.start, self.end)
        return self


class Comparison(_Strict):
    """Who is compared with whom.

    ``exposure``: ``ever_after`` is the intention to treat, on from the first spell to the end of
    the window; ``days`` is the share of each period really treated. ``catchment``: areas that
    border a treated one are watched for displacement and kept out of the controls.
    """

    exposure: Literal["ever_after", "days"] = "ever_after"
    controls: Literal["same_cluster", "all"] = "same_cluster"
    catchment: Literal["none", "neighbours"] = "neighbours"


class Selection(_Strict):
    """How the treated areas were chosen, as far as it is known."""

    rule: Literal["top_count", "top_rate", "top_change", "threshold", "mimic", "random"] = "mimic"
    lookback: int = Field(default=3, ge=1)
    threshold: float | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _has_threshold(self) -> Self:
        if (self.rule == "threshold") != (self.threshold is not None):
            raise ValueError("'threshold' is given with rule: threshold, and only then")
        return self


class Estimation(_Strict):
    """The estimator and the standard error, fixed before the result is seen.

    ``inference``: ``replay`` judges the operation by replays of its selection where nothing was
    done; ``model`` trusts the estimator's own standard error, which selection on recent counts
    misleads.
    """

    inference: Literal["replay", "model"] = "replay"
    estimator: Literal["poisson", "linear"] = "poisson"
    cluster: ClusterBy = "area"
    permutations: int = Field(default=999, ge=99, le=99_999)


class Params(_Strict):
    """One study: its data, its design, and what was decided before the result was seen."""

    study: _SLUG
    title: _NAME
    seed: int = Field(ge=0)
    boroughs: list[_NAME] | Literal["each"] = "each"
    counts: CountsSource
    areas: AreasSource
    population: PopulationSource | None = None
    register_: RegisterSource | None = Field(default=None, alias="register")
    treatment: Treatment | None = None
    outcomes: Outcomes
    window: Window = Window()
    comparison: Comparison = Comparison()
    selection: Selection = Selection()
    estimation: Estimation = Estimation()
    disclosure: Literal["open", "internal", "publication"] = "open"
    acknowledge: dict[str, str] = {}
    licence: str = (
        "Contains public sector information licensed under the Open Government Licence v3.0."
    )

    @model_validator(mode="after")
    def _one_treatment(self) -> Self:
        if (self.register_ is None) == (self.treatment is None):
            raise ValueError("give exactly one of 'register' and 'treatment'")
        return self

    def dump(self) -> dict[str, Any]:
        """JSON types only, as Papermill hands them over; ``Params(**dump)`` is the same."""
        dumped: dict[str, Any] = self.model_dump(mode="json", by_alias=True)
        return dumped


def load_params(path: Path) -> Params:
    """Read and validate one params file.

    Raises
    ------
    InputError
        With every problem of the file.
    """
    params, problems = params_or_problems(path)
    if problems or params is None:
        raise InputError(*problems)
    return params


def params_or_problems(path: Path) -> tuple[Params | None, list[Problem]]:
    """The params as far as they can be read, and everything that is wrong with them.

    What is wrong is left out and the rest read on, so that a check can name the problems of the
    data in the same run as those of the params.
    """
    raw, problems = _read(path, ())
    if problems and not raw:
        return None, problems
    named: set[tuple[int | str, ...]] = set()
    for _ in range(200):
        try:
            return Params(**raw), problems
        except ValidationError as error:
            faults = error.errors(include_url=False)
            # A value taken out for being wrong is not missing too.
            told = [f for f in faults if not (f["type"] == "missing" and f["loc"] in named)]
            problems += [fault_problem(path.name, fault, Params) for fault in told]
            named |= {fault["loc"] for fault in faults}
            if not _without(raw, [fault["loc"] for fault in faults]):
                break
    return None, problems


def _read(path: Path, above: tuple[Path, ...]) -> tuple[dict[str, Any], list[Problem]]:
    """The file's mapping laid over those it extends."""
    where = path.name
    try:
        if path.stat().st_size > _MOST_BYTES:
            return {}, [Problem(where=where, what=f"is larger than {_MOST_BYTES:,} bytes")]
        text = path.read_text(encoding="utf-8")
        if re.search(r"(^|[\s\[,:{-])[&*][A-Za-z0-9]", text):
            return {}, [Problem(where=where, what="uses YAML anchors, which params do without")]
        raw = yaml.load(text, Loader=_PlainLoader)
    except OSError as error:
        return {}, [Problem(where=where, what=f"cannot be read: {error.strerror}")]
    except UnicodeDecodeError:
        return {}, [Problem(where=where, what="is not UTF-8 text")]
    except (yaml.YAMLError, RecursionError) as error:
        place = getattr(error, "problem_mark", None)
        line = f" in line {place.line + 1}" if place else ""
        return {}, [Problem(where=where, what=f"is not valid YAML{line}")]
    if not isinstance(raw, dict) or not all(isinstance(key, str) for key in raw):
        return {}, [Problem(where=where, what="must be a mapping of field names to values")]
    parent = raw.pop("extends", None)
    if parent is None:
        return raw, []
    base = path.parent / str(parent)
    if Path(str(parent)).name != str(parent) or len(above) >= _DEEPEST or base in above:
        return raw, [
            Problem(
                where=f"{where}, field 'extends'",
                what=f"{parent!r} is no params file of this folder, or goes in a circle",
                advice="Name a file beside this one, for example _defaults.yaml.",
            )
        ]
    inherited, problems = _read(base, (*above, path))
    return _laid_over(inherited, raw), problems


class _PlainLoader(yaml.SafeLoader):
    """YAML without implicit dates: a date stays the text that was written; keys occur once."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        if len(keys) != len(set(map(str, keys))):
            raise yaml.constructor.ConstructorError(
                None, None, "a key occurs twice", node.start_mark
            )
        return super().construct_mapping(node, deep=deep)


_PlainLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in pairs if tag != "tag:yaml.org,2002:timestamp"]
    for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _laid_over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _laid_over(merged[key], value) if both else value
    return merged


# What stands in for a required value that is missing or wrong, so that the data are still checked.
_STANDS_FOR: dict[tuple[int | str, ...], Any] = {
    ("study",): "unnamed",
    ("title",): "untitled",
    ("seed",): 0,
}


def _without(raw: dict[str, Any], places: list[tuple[int | str, ...]]) -> bool:
    """Take the faulty values out of ``raw``; False if there is nothing left to take."""
    taken = False
    for place in places:
        holder: Any = raw
        trail = [part for part in place if not is_tag(part)]
        for part in trail[:-1]:
            holder = holder.get(part) if isinstance(holder, dict) else None
        if tuple(trail) in _STANDS_FOR:
            stand_in = _STANDS_FOR[tuple(trail)]
            taken |= raw.get(str(trail[0])) != stand_in
            raw[str(trail[0])] = stand_in
        elif trail and isinstance(holder, dict) and trail[-1] in holder:
            value = holder[trail[-1]]
            reversed_dates = isinstance(value, dict) and {"start", "end"} <= set(value)
            if reversed_dates:
                value["end"] = None
                if "areas" not in value:  # a window does without a start, a treatment does not
                    value["start"] = None
            else:
                del holder[trail[-1]]
            taken = True
    return taken
