"""Words of docs/coverage.md: its tables, their rows in order, and why rows fall short."""

from __future__ import annotations

from dataclasses import dataclass

from tests.calibration.coverage_worlds import DOSES, LASTS, ROTATES

__all__ = ["MAIN", "REFEREE_FOUND", "REFEREE_SETTING", "SETTING", "TABLES", "Table"]

SETTING = """200 areas of a 20 × 10 grid in 20 boroughs of ten (the default knows the boroughs), 48
months, about one event an area and month, log-normal levels (0.6), own shocks of variance 0.25 and
common ones of 0.10 (half the borough's, half fading with distance), both AR(1) with 0.5, a season,
a true rate ratio of 0.8 from month 36 on.

Scattered: treated areas drawn from all. Clustered: from as few boroughs as hold them, so that 10
clustered is one whole borough. Patch: the areas nearest to a point, across borough borders.

*Default* is what a call without options gives. The noise of treated areas is learnt from controls,
and so is what the areas of a borough share; in the two-way models and imputation, whatever else
treated areas share is estimated from their own past. *CR1* and *CR2* are cluster-robust errors,
without and with the bias reduction and degrees of freedom of Bell and McCaffrey. Estimators of
numbers are compared with the change in events in the draw itself, those of ratios with 0.8."""

REFEREE_SETTING = """Fourteen worlds that a referee wrote from one sentence (rare counts,
overdispersed, correlated in time and in space, with 5, 10 and 40 treated of 200 areas, scattered
and clustered), without having seen the worlds above. The default was scored in them as it stood.

Unless said otherwise: a 20 × 10 grid, one event an area and month, gamma-distributed levels (shape
2), negative binomial counts (gamma noise of variance 0.5), a field of neighbours' shocks (standard
deviation 0.25, serial 0.5), 24 months before and 12 from the start, no effect. Clustered areas are
the nearest to one of them, whatever their boroughs. Scattered and clustered areas of one draw have
the same shocks."""

REFEREE_FOUND = """With labels {known}; without, {unknown}. Here no allowance is made for Monte
Carlo error.

- **Without labels most intervals are too wide**: scattered areas have {wide}. What treated areas
share is then told from their own periods before treatment alone, {pasts} of them. So short a past
can seldom rule it out; what is told is added to the error and never taken from it, and the doubt
about it costs degrees of freedom of *t*. Without this part scattered areas would have 0.932 to
0.968, but 40 clustered ones 0.765 to 0.948 (400 draws). *D boroughs* and *D2 boroughs untold*
differ in labels (and seeds) alone: scattered areas have {with_labels} with and {without_labels}
without. Most cells that are too wide with labels have the same cause.
- **Forty clustered areas without labels** have {many}. In the lowest (*D2 boroughs untold*, *C
points*) what the areas share is half of the variance of the estimate or more, and one past tells
too little of it.
- **With labels intervals are too narrow for nearest neighbours inside a large borough**: {narrow}.
Shocks shared within a borough are averaged over its pairs of areas, and neighbours share more than
the average pair."""

FEW_DF = (
    "five treated areas leave few degrees of freedom and give wide intervals; shocks that areas of "
    "a borough share are ignored"
)
AREAS_ALONE = (
    "areas are treated as independent, so shocks that areas of a borough share are ignored"
)
FEW = "the error is estimated from the residuals of the few treated areas"
BOTH = f"{FEW}, and {AREAS_ALONE}"
ONE_BASE = "a difference from the one month before the start"
PAST = (
    "what else treated areas share is estimated from their own past and can only add to the error, "
    "so where it misses the target the interval is too wide"
)
WIDE = (
    "given that a month has any events, the log of a small count varies less than its error "
    "suggests; where clusters are few, t has few degrees of freedom"
)


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows of these parts, in order, each with the reason that is told where it falls short."""

    title: str
    told: str
    parts: tuple[str, ...]
    rows: dict[str, str]


MAIN = Table(
    title="Every estimator and error",
    told="The setting above, one start. Event studies have 12 months before and 6 from the start; "
    "a joint band covers the truth if it does so at every event time.",
    parts=(
        "lead",
        "imputed",
        "numbers",
        "events",
        "two_way",
        "others",
        "redrawn",
        "exact",
        "wild",
        "wild_linear",
        "cohorts",
        "covariates",
        "synthetic",
        "synthetic_published",
        "synthetic_level",
    ),
    rows={
        "poisson_did (default)": PAST,
        "imputation, Poisson (default)": PAST,
        "poisson_did, borough × period effects (default)": "a borough that is "
        "treated as a whole has nothing to be compared with",
        "event_study, Poisson (default): mean from the start": WIDE,
        "event_study, Poisson (default): 0": WIDE,
        "event_study, Poisson (default): −6": WIDE,
        "event_study, Poisson (default): joint band": WIDE,
        "linear_did (default)": PAST,
        "imputation, linear (default)": PAST,
        "event_study, linear (default): 0": "a difference of two single months with few events, "
        "which is not normally distributed",
        "etwfe, Poisson (default)": "",
        "etwfe, Poisson, link scale (default)": "a mean of log ratios of single months, biased "
        "where these have few events, and undefined where one has none",
        "synthetic_did (default)": "the interval is widened where treated areas were noisier "
        "before, but never narrowed where they were quieter",
        "synthetic_did, published placebo": "placebo areas are drawn one by one and do not lie "
        "together",
        "synthetic_control (default)": "the interval is widened where treated areas were noisier "
        "before, but never narrowed where they were quieter",
        "rirr, overdispersed": "its overdispersion is that of single areas and omits shocks that "
        "treated areas share",
        "wdd, overdispersed": "as RIRR; and the controls' trend in numbers does not hold for areas "
        "of another level",
        "poisson_did, CR2 by area": AREAS_ALONE,
        "cluster_robust, CR2 by area, exact": AREAS_ALONE,
        "poisson_did, CR1 by area": BOTH,
        "poisson_did, CR2 by borough": "few treated boroughs, with unequal shares of the treated "
        "areas; no error with a single one",
        "cluster_robust, CR2 by borough, exact": "few treated boroughs; no error with a single one",
        "poisson_did, CR1 by borough": "too small with few treated boroughs, none with only one",
        "poisson_did, Conley 4 km": "the residuals of the treated areas conceal what they share",
        "poisson_did, wild bootstrap": f"null imposed, by area: {AREAS_ALONE}",
        "poisson_did, randomisation": "close where areas were drawn from all; redrawn single areas "
        "do not lie together as clustered ones do",
        "poisson_did, randomisation within boroughs": "the redraws stay within the boroughs of "
        "the treated, while the estimate uses all areas",
        "poisson_did, randomisation of whole boroughs": "the redraws are right, but boroughs "
        "differ in level and so in noise, and there are only twenty of them",
        "imputation, Poisson, CR1 by area": BOTH,
        "linear_did, CR2 by area": AREAS_ALONE,
        "linear_did, CR1 by area": BOTH,
        "linear_did, CR1 by borough": "too small with few treated boroughs, none with only one",
        "linear_did, Conley 4 km": "the residuals of the treated areas conceal what they share",
        "linear_did, wild bootstrap": f"null imposed, by area: {AREAS_ALONE}",
        "linear_did, randomisation": "redrawn single areas do not lie together as clustered "
        "ones do, and they differ in level from the treated",
        "imputation, linear, CR1 by area": BOTH,
        "etwfe, Poisson, cluster-robust": BOTH,
        "group_time": f"{BOTH}; {ONE_BASE}",
        "group_time, learnt": ONE_BASE,
        "group_time, OR": "as group_time, with the true level of areas as covariate",
        "group_time, IPW": "as group_time, with the true level of areas as covariate",
        "group_time, DR": "as group_time, with the true level of areas as covariate",
        "rirr, Poisson error": "published error for independent Poisson counts",
        "wdd, Poisson error": "published error for independent Poisson counts",
    },
)

TABLES = (
    Table(
        title="Starts that differ",
        told="Treated areas begin in turn in months 24, 30 and 36.",
        parts=("starts", "starts_linear"),
        rows={
            "imputation, Poisson (default)": PAST,
            "imputation, linear (default)": PAST,
            "etwfe, Poisson (default)": "",
            "etwfe, linear (default)": "",
            "etwfe, Poisson, link scale (default)": "a mean of log ratios of single months, biased "
            "by −0.07 with few events, and undefined where a cohort has a month without events: "
            "use the response scale",
            "etwfe, Poisson, cluster-robust": BOTH,
            "etwfe, linear, cluster-robust": BOTH,
            "group_time, not yet treated": BOTH,
            "group_time, never treated": BOTH,
            "group_time, learnt": f"{ONE_BASE}: too wide rather than too narrow",
            "group_time, multiplier bootstrap": f"it resamples the analytic error: {BOTH}",
            "group_time, band over event times 0 to 11": "a joint band of twelve single months: "
            "too wide rather than too narrow with many treated",
        },
    ),
    Table(
        title="On and off",
        told=f"{ROTATES.told[0].upper()}{ROTATES.told[1:]}. `did_m` is about the months in which "
        "treatment goes on or off.",
        parts=("rotates", "rotates_linear"),
        rows={
            "poisson_did (default)": PAST,
            "imputation, Poisson (default)": PAST,
            "linear_did (default)": PAST,
            "did_m (default)": "differences of single months",
            "did_m, influence": "the error comes from deviations among areas that switch in the "
            "same months, and most switch alone: too wide with few",
        },
    ),
    Table(
        title="On and off, with effects that last",
        told=f"{LASTS.told[0].upper()}{LASTS.told[1:]}. `switchers` compares with the month before "
        "the first switch; `distributed_lags` gives each month after a spell its own effect.",
        parts=("lasts", "lasts_linear"),
        rows={
            "switchers (default): per unit": "",
            "switchers (default): ratio": "the log of observed over expected events, and what is "
            "expected depends on the single month before the switch",
            "switchers (default): period 0": "",
            "switchers, 12 effects (default): per unit": "",
            "switchers, 12 effects, influence: per unit": "deviations among areas that switch "
            "together, and most switch alone",
            "distributed_lags (default): on": PAST,
            "distributed_lags (default): 1 after": PAST,
            "distributed_lags (default): 2 after": PAST,
            "distributed_lags, linear (default): on": PAST,
            "distributed_lags (CR2): on": FEW_DF,
            "distributed_lags (CR2): 1 after": FEW_DF,
            "distributed_lags (CR2): 2 after": FEW_DF,
        },
    ),
    Table(
        title="Doses",
        told=f"{DOSES.told[0].upper()}{DOSES.told[1:]}.",
        parts=("doses",),
        rows={
            "dose_did (default): intention to treat": "",
            "dose_did (default): per dose": "",
            "dose_bins (default): above 1.5": "",
        },
    ),
    Table(
        title="Triple differences",
        told="A second type of crime, twice as frequent, that treatment does not affect and whose "
        "shocks have a correlation of 0.7 with those of the first; 12 months before and 6 from the "
        "start.",
        parts=("types", "types_linear"),
        rows={
            "triple_difference, Poisson (default)": "",
            "triple_difference, linear (default)": "the two types differ in level, so changes "
            "in proportion to both do not cancel in numbers",
            "triple_difference, Poisson, CR2 by area": AREAS_ALONE,
            "triple_difference, Poisson, CR1 by area": BOTH,
            "triple_event_study, Poisson (default): mean from the start": WIDE,
            "triple_event_study, Poisson (default): 0": WIDE,
            "triple_event_study, Poisson (default): joint band": WIDE,
        },
    ),
    Table(
        title="Next door",
        told="Areas that adjoin treated ones have 0.9 of their events. The effect is the change in "
        "events.",
        parts=("beside",),
        rows={
            "displacement (default): direct": PAST,
            "displacement (default): catchment": "the catchment crosses borough borders",
            "displacement (default): net": "its two parts are correlated by area, not by borough",
        },
    ),
    Table(
        title="One site",
        told="One treated area against 199: its noise is assumed to be that of controls at a "
        "similar level.",
        parts=("one", "conformal", "synthetic_one"),
        rows={
            "poisson_did (default)": "with about ten events expected, the log ratio is not normal",
            "imputation, Poisson (default)": PAST,
            "linear_did (default)": PAST,
            "imputation, linear (default)": PAST,
            "synthetic_did (default)": "widened where treated areas were noisier before, never "
            "narrowed where they were quieter",
            "conformal_test": "residuals of neighbouring months are correlated",
        },
    ),
)
