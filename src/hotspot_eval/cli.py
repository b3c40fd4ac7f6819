"""The command line: demo, check, lock, run, status, report, power, simulate."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from hotspot_eval.errors import InputError

__all__ = ["app", "main"]

ALL_WELL, SOME_FAILED, NOT_USABLE = 0, 1, 2

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Did hotspot and problem-oriented policing reduce violence?",
)
ParamsArgument = Annotated[
    list[Path], typer.Argument(metavar="PARAMS…", help="Params files (YAML) of one study.")
]
DataOption = Annotated[
    list[Path] | None,
    typer.Option("--data", help="A further folder that params may read from; repeatable."),
]
OutOption = Annotated[
    Path | None, typer.Option("--out", help="Where results go; by default outputs/<study>.")
]
JobsOption = Annotated[int, typer.Option("--jobs", min=1, max=256, help="Sites at a time.")]


@app.command()
def demo(
    out: Annotated[Path, typer.Option("--out", help="Where results go.")] = Path("outputs/demo"),
    jobs: JobsOption = 2,
) -> None:
    """Evaluate three simulated boroughs and set each estimate beside the known truth."""
    from hotspot_eval.run import demo as demonstration

    params = demonstration.write_inputs(out)
    code, _ = _run([params], data=[], out=out, jobs=jobs, scheduler=None, fresh=True)
    _print_frame(demonstration.beside_truth(out), title="Estimate beside the known truth")
    _say(f"Open {(out / 'index.html').as_posix()}")
    raise typer.Exit(code)


@app.command()
def check(params: ParamsArgument, data: DataOption = None) -> None:
    """Say everything that is wrong with the params and their data; write nothing."""
    from hotspot_eval.run.check import check_params

    problems, summary = check_params(params, data=data or [])
    if problems:
        raise InputError(*problems)
    for line in summary:
        _say(line)


@app.command()
def lock(
    params: ParamsArgument,
    again: Annotated[
        bool, typer.Option("--again", help="Add a lock beside the earlier ones; the page tells.")
    ] = False,
    data: DataOption = None,
) -> None:
    """Put on record what is decided before the result: PARAMS.lock.json, beside the params."""
    from hotspot_eval.run.lock import lock_params, lock_path

    for path in params:
        made = lock_params(path, data=data or [], again=again)
        _say(f"{path.name}: {made.told()}")
        _say(f"Wrote {lock_path(path).as_posix()}, seal {made.locks[-1].seal[:16]}")


@app.command()
def run(
    params: ParamsArgument,
    out: OutOption = None,
    jobs: JobsOption = 1,
    scheduler: Annotated[
        str | None, typer.Option("--scheduler", help="Address of a Dask scheduler.")
    ] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Run again what is still good.")] = False,
    data: DataOption = None,
) -> None:
    """Evaluate every site and their synthesis."""
    code, where = _run(
        params, data=data or [], out=out, jobs=jobs, scheduler=scheduler, fresh=fresh
    )
    _say(f"Open {(where / 'index.html').as_posix()}")
    raise typer.Exit(code)


@app.command()
def status(out: Annotated[Path, typer.Argument(metavar="OUT", help="A study's results.")]) -> None:
    """Say how far a study is: each site ok, failed or not run."""
    from hotspot_eval.run.publish import study_status

    frame = study_status(out)
    _print_frame(frame, title=out.name)
    raise typer.Exit(ALL_WELL if (frame["status"] == "ok").all() else SOME_FAILED)


@app.command()
def report(out: Annotated[Path, typer.Argument(metavar="OUT", help="A study's results.")]) -> None:
    """Write the pages and tables again from the stored records; nothing is computed."""
    from hotspot_eval.run.publish import publish_again

    _say(f"Open {publish_again(out).as_posix()}")


@app.command()
def power(
    params: Annotated[Path, typer.Argument(metavar="PARAMS", help="Params of a planned study.")],
    duration: Annotated[
        list[int] | None,
        typer.Option("--duration", min=1, help="Periods of treatment to play; repeatable."),
    ] = None,
    dosage: Annotated[
        list[str] | None,
        typer.Option(
            "--dosage",
            metavar="HOURS:PERCENT",
            help="Officer hours an area and period, and the change hoped for; repeatable.",
        ),
    ] = None,
    data: DataOption = None,
) -> None:
    """Sites, durations and dosages by what they could show, from the untreated past alone."""
    from hotspot_eval.run.power import dosage_of, power_table

    table = power_table(
        params,
        data=data or [],
        durations=duration or (),
        dosages=[dosage_of(text) for text in dosage or ()],
    )
    _print_frame(table, title="What each site could show, best first")


@app.command()
def simulate(
    out: Annotated[Path, typer.Option("--out", help="Where the world is written.")],
    seed: Annotated[int, typer.Option("--seed", min=0)] = 1,
) -> None:
    """Write a London-like world with known truth: areas, incidents, register and params."""
    from hotspot_eval.run import demo as demonstration

    _say(f"Wrote {demonstration.write_inputs(out, seed=seed).as_posix()} and what it reads")


def _run(
    params: list[Path],
    *,
    data: list[Path],
    out: Path | None,
    jobs: int,
    scheduler: str | None,
    fresh: bool,
) -> tuple[int, Path]:
    from hotspot_eval.run.check import check_params
    from hotspot_eval.run.execute import SiteRun
    from hotspot_eval.run.plan import plan_study
    from hotspot_eval.run.publish import run_study

    problems, _ = check_params(params, data=data)
    if problems:
        raise InputError(*problems)
    plan = plan_study(params, data=data, out=out)
    with _progress(len(plan.sites)) as advance:

        def tell(site: SiteRun) -> None:
            took = f"{site.seconds:5.1f} s" if site.status != "kept" else "still good"
            advance(f"{site.name}: {site.status} {took} {site.reason}".rstrip())

        outcomes = run_study(plan, jobs=jobs, scheduler=scheduler, fresh=fresh, tell=tell)
    failed = [site for site in outcomes if site.status == "failed"]
    _say(f"{len(outcomes) - len(failed)} of {len(outcomes)} sites evaluated.")
    return (SOME_FAILED if failed else ALL_WELL), plan.out


class _progress:  # noqa: N801 - a context manager that reads like a function
    """A bar on a terminal, a line for each finished site elsewhere."""

    def __init__(self, total: int) -> None:
        self._console = Console(stderr=True)
        self._total, self._done = total, 0
        self._bar: Progress | None = None

    def __enter__(self) -> Callable[[str], None]:
        if self._console.is_terminal:
            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                console=self._console,
            )
            self._task = self._bar.add_task("Sites", total=self._total)
            self._bar.start()
        return self._advance

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def _advance(self, line: str) -> None:
        self._done += 1
        if self._bar is not None:
            self._bar.update(self._task, advance=1)
            self._bar.console.print(line, markup=False, highlight=False)
        else:
            print(f"[{self._done}/{self._total}] {line}", file=sys.stderr, flush=True)


def _print_frame(frame: object, *, title: str) -> None:
    import pandas as pd

    if not isinstance(frame, pd.DataFrame):
        raise TypeError(f"expected a table, got {type(frame).__name__}")
    console = Console()
    if not console.is_terminal:
        print(f"{title}\n{frame.to_string(index=False)}")
        return
    table = Table(title=title)
    for name in frame.columns:
        table.add_column(str(name).replace("_", " "))
    for row in frame.astype(str).itertuples(index=False):
        table.add_row(*row)
    console.print(table, markup=False)


def _say(line: str) -> None:
    print(line, flush=True)


def _refused(error: InputError) -> int:
    many = len(error.problems)
    print(f"Not usable: {many} problem{'s' if many > 1 else ''}.", file=sys.stderr)
    for number, problem in enumerate(error.problems, start=1):
        print(f"{number:3d}. {problem}", file=sys.stderr)
    return NOT_USABLE


def main() -> None:
    """Run the command line; an input that cannot be used ends with 2 and its reasons."""
    try:
        app()
    except InputError as error:
        sys.exit(_refused(error))
