"""The words around the tables of docs/calibration.md."""

TEXT = """# Calibration: what the default says when nothing happened

Written by `make calibrate` on {date}. Failures stay in the tables.

Real counts without any intervention: London wards × 45 months (2021-04 to 2024-12) and London
LSOAs × 48 months of burglary (2013 to 2016). Every borough × date pair with fifteen months before
it is one study: five areas are "treated" by a rule, the rest of the borough is the control, and
selection replay judges them with the pool that `replay` would give it: other boroughs up to that
date and, where the counts reach so far, again from the end of the operation and three months of
washout; the own borough only where a window had ended before. Starts in 2024 have no later dates
to stand in: their rows in the strata are what an evaluation soon after an operation is worth. The
interval beside a share is Korn and Graubard's with boroughs as blocks: Clopper and Pearson's at the
number of studies that are worth as much as these. (Resampling whole boroughs says [0, 0] of no hit
in 32, and held a true size of .05 in .92 of simulations of 288 studies where this held it in .98;
see tests/calibration/test_block_intervals.py.) Power and coverage at −20 % thin the treated post
window of the same studies to four fifths.

{main}

{tuned}

{seen_once}

## The default on the main outcomes
{default}

## Beside it: plain ranks, standardised ranks, and the in-sample yardstick
{peers}

## Ordinary tools on the same studies
Share of studies with p ≤ .05; nothing was done in any of them. "Default" is what the package's own
function says if it is not told how the areas were chosen. Every fifth study:

{cheap}

Every eighth study, 199 draws:

{dear}

Every fifteenth study of wards, three months, placebo areas:

{synthetic}

## Size by borough level, borough size, quarter and year
Terciles 0 to 2 from low to high; size is borough size in areas. One line a stratum, over the
main outcomes' cells; below it every stratum of a cell whose 95 % interval misses [.02, .09]: of
so many some would miss if every true size were .05.

{strata}

{outside}

## The default on tuning outcomes
{tuning}

## The default on outcomes scored once
{once}

## Size by rung of the ladder
Over all outcomes above. A first date of twelve-month windows has one scene a borough, 31, before
it: too few alone, so that 5 % of studies had no verdict before later dates were admitted.

{rungs}

## Mimic under each true rule
The pool is played by `Mimic`, told the treated areas of each study; the areas were chosen by the
rule in the second column.

{mimic}

## Other data
Metropolitan burglary by LSOA, 2019 and 2020: lockdown inside the windows, twenty-four months in
all.

{other}

Another force, short of everything: Northumbria's street files, fourteen crime types by LSOA in
seven districts, seventeen months of which the twelfth is missing. Three months after, three before.
Only with eight months before the start do its own districts give 39 scenes, on a rung where scenes
and site look back three months and no further; before that the answer is NaN with that reason. Such
intervals are wide. With another force beside it every start has a verdict.

{north}

## Several boroughs at once, real counts
Three months after, three before. "4": London's boroughs dealt into groups of four at every second
date; "all": all at each date, so that no borough is left to compare with; "8 in steps": groups of
eight, each starting two months after the one before. Where the standard error is honest, SD of
effects and root mean square SE are alike. The interval of a share has dates as blocks; neighbouring
dates overlap, so it is too narrow, and "all" has as many independent studies as windows: read the
means over cells. Main outcomes:

{joint_mean}

{joint}

Tuning outcomes, on which the prior share of what dates share (3 %, worth four windows) was chosen;
that some prior is needed was first seen on violence with injury, and that shocks last a quarter
longer than the window was chosen on simulated worlds with other seeds than those below:

{joint_tuning_mean}

{joint_tuning}

## Simulated worlds with known truth
Eight boroughs of fourteen areas × 72 months (190 weeks where weekly); shocks that last to areas,
boroughs and London, and, where "shared", to the busier areas of all boroughs at once. Post three
months, pre twelve (six weeks, twenty-six); rule: most crime in the last three months. "Spillover":
the declared catchments, three areas a borough, rise by a quarter. "Random effects": each
borough's own estimate, pooled with the covariance that replay finds between them. {n_worlds} worlds
a line: a size of .05 has a Monte Carlo standard error of {error}.

{worlds}
"""
