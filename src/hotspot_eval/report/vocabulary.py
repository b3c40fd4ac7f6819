"""Words of the pages: titles of roles, heads of columns, and what the technical words mean."""

from __future__ import annotations

from typing import Final

from hotspot_eval.results import Status

__all__ = [
    "GLOSSARY",
    "HEADINGS",
    "ROLE_NOTES",
    "ROLE_TITLES",
    "STATUS_SYMBOLS",
    "STATUS_WORDS",
]

STATUS_WORDS: Final[dict[Status, str]] = {
    "passed": "Passed",
    "failed": "Failed",
    "not assessed": "Not assessed",
}
STATUS_SYMBOLS: Final[dict[Status, str]] = {"passed": "✓", "failed": "✕", "not assessed": "○"}

ROLE_TITLES: Final = {
    "primary": "Primary effect",
    "secondary": "Secondary effects",
    "displacement": "Displacement, diffusion and net effect",
    "regression_to_mean": "Regression to the mean",
    "robustness": "Other methods and samples",
    "output": "Police outputs (not outcomes)",
}
ROLE_NOTES: Final = {
    "primary": "",
    "secondary": "Where there are several secondary outcomes, the notes give p-values adjusted for "
    "their number (Holm).",
    "displacement": "Changes in the number of events: on the treated areas (direct), in the areas "
    "next to them (catchment), and in both together (net).",
    "regression_to_mean": "The change to be expected from the way the places were chosen, had "
    "nothing been done. It is not an effect of policing.",
    "robustness": "The same question asked in other ways. None of these replaces the primary "
    "effect. Those that do not mention replays make no allowance for how the places were chosen.",
    "output": "Outputs such as arrests or weapons found rise with police activity. They describe "
    "what was done, and say nothing about its effect on crime.",
}
HEADINGS: Final = {
    "at_treatment": "In the first treated period",
    "both": "Chosen and treated",
    "called_for": "The design calls for it",
    "change_and_interval": "Change (95% interval)",
    "ci_high": "Interval, upper",
    "ci_low": "Interval, lower",
    "crimes_prevented": "Events prevented",
    "detectable_by_mean_after": "Detectable drift by the mean period after the start",
    "detectable_per_period": "Detectable drift per period",
    "df": "Degrees of freedom",
    "df_denominator": "Degrees of freedom (denominator)",
    "distinct": "Distinct sets",
    "events_lately": "Events, latest",
    "excludes_zero": "Excludes no change",
    "false_alarms": "False alarms (share)",
    "found": "Found",
    "further_cells_missing": "Other missing cells",
    "high": "Upper",
    "label": "Name",
    "low": "Lower",
    "m": "Largest divergence allowed (multiple of the largest before)",
    "mean_draw": "Mean of draws",
    "mean_u": "Mean of replays (standardised)",
    "n_control": "Control areas",
    "n_periods": "Number of periods",
    "null_mean": "Mean without effect",
    "of": "Areas in cluster",
    "p_adjusted": "p-value, adjusted",
    "p_value": "p-value",
    "per_area_period_before": "Events per area and period before",
    "per_cell": "Events per area and period",
    "part": "Decision tree",
    "percent": "Change, %",
    "percent_change": "Change, %",
    "percent_high": "Upper, %",
    "percent_low": "Lower, %",
    "prevented_and_interval": "Events prevented (95% interval)",
    "rank_lately": "Rank, latest",
    "recovered": "Change recovered, %",
    "rung": "Rung of the ladder",
    "same_sign": "Share with the same sign",
    "scenes": "Replays",
    "sd_draw": "Standard deviation of draws",
    "shrunken": "Partially pooled",
    "shrunken_high": "Partially pooled, upper",
    "shrunken_low": "Partially pooled, lower",
    "smallest_p": "Smallest attainable p-value",
    "std_error": "Standard error",
    "well_balanced": "Share well balanced",
    "words": "What it says",
    "zero_share": "Share of cells without events",
}
GLOSSARY: Final = {
    "Area": "The unit that is counted: a ward, an LSOA or a drawn site.",
    "Treated area, control area": "An area where the operation ran; an area it is compared with.",
    "Catchment": "Areas that border a treated one. They are watched for displacement and are "
    "nobody's control.",
    "Cell": "One area in one period.",
    "Cluster": "A group of areas that may share what happens to them, usually a borough.",
    "Interval": "The 95% confidence interval unless another level is given: values the data do not "
    "contradict.",
    "Incidence rate ratio (IRR)": "Events observed, divided by events expected without the "
    "operation. 1 is no change; 0.80 is a fifth fewer.",
    "Events prevented": "Events expected without the operation minus events observed. Below zero "
    "there were more than expected.",
    "Regression to the mean": "Places picked because counts were high tend to come down again "
    "without any action.",
    "Replay (scene)": "The same way of choosing places, applied in a borough and at a date where "
    "nothing was done. What follows there shows what happens without an operation.",
    "Ladder, rung": "Where replays are taken from. Rung 1 is the declared rule with two years of "
    "history; each further rung relaxes one condition until there are enough replays.",
    "Plain estimator": "Difference-in-differences that makes no allowance for how the places were "
    "chosen.",
    "Attenuated": "Some treated periods or areas were only partly covered by the operation, which "
    "pulls the estimate towards no change.",
    "Learnt from controls": "The error is taken from how much untreated areas of similar level "
    "vary by chance (Ferman and Pinto).",
    "df": "Degrees of freedom: how much information the error rests on. Few make wide intervals.",
    "Placebo": "An estimate for places or dates without an operation. A real effect should stand "
    "out among placebos.",
    "Moran's I, Gi*": "Measures of whether neighbouring areas resemble each other, and of which "
    "areas lie among high counts.",
    "Power": "The probability that a study detects a change that is really there.",
}
