"""Execution: each site's notebooks through Papermill; a failing site never stops the others."""

from __future__ import annotations

import contextlib
import json
import os
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Literal

from hotspot_eval.report.files import hide_paths
from hotspot_eval.report.record import PART_SUFFIX
from hotspot_eval.run.folders import CONTEXT
from hotspot_eval.run.inputs import Inputs
from hotspot_eval.run.manifest import (
    code_version,
    fingerprint,
    input_checksums,
    package_versions,
    write_json,
)
from hotspot_eval.run.plan import NOTEBOOKS, SYNTHESIS, SitePlan, StudyPlan, notebook_folder
from hotspot_eval.run.warm import PROVISIONER

__all__ = ["Progress", "SiteRun", "executor", "run_notebook", "run_sites"]

Progress = Callable[["SiteRun"], None]
_CELL_SECONDS = 1800
_START_SECONDS = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteRun:
    """How the run of one site ended."""

    name: str
    slug: str
    status: Literal["ok", "failed", "kept"]
    reason: str = ""
    seconds: float = 0.0


def run_sites(
    plan: StudyPlan, pool: Executor, *, fresh: bool, tell: Progress
) -> tuple[SiteRun, ...]:
    """Run every site that has no good earlier result, in any order; results in the plan's order."""
    waiting = {}
    ended: dict[str, SiteRun] = {}
    identities = _identities(plan)
    for site in plan.sites:
        identity = identities[site.slug]
        if not fresh and _still_good(plan, site, identity):
            ended[site.slug] = SiteRun(name=site.name, slug=site.slug, status="kept")
            tell(ended[site.slug])
        else:
            waiting[pool.submit(run_site, plan, site, identity)] = site
    for future in as_completed(waiting):
        site = waiting[future]
        try:
            outcome = future.result()
        except Exception as error:
            outcome = SiteRun(
                name=site.name, slug=site.slug, status="failed", reason=_reason("worker", error)
            )
        ended[site.slug] = outcome
        tell(outcome)
    return tuple(ended[site.slug] for site in plan.sites)


def run_site(plan: StudyPlan, site: SitePlan, identity: dict[str, Any]) -> SiteRun:
    """Run a site's notebooks in order; what goes wrong becomes its reason, in full in error.txt.

    ``identity`` goes into the manifest: what the run was asked to do, taken before it began.
    """
    began = time.perf_counter()
    internal = plan.internal(site)
    internal.mkdir(parents=True, exist_ok=True)
    for old in ("manifest.json", "error.txt", *(f"{name}{PART_SUFFIX}" for name in NOTEBOOKS)):
        (internal / old).unlink(missing_ok=True)
    data = [str(folder) for folder in site.folders.data]
    write_json(internal / CONTEXT, {"project": str(site.folders.project), "data": data})
    timings: dict[str, float] = {}
    for name in NOTEBOOKS:
        started = time.perf_counter()
        try:
            run_notebook(
                name,
                folder=internal,
                parameters={"params": site.params.dump(), "site": site.name, "folder": "."},
            )
        except Exception as error:
            (internal / "error.txt").write_text(traceback.format_exc(), encoding="utf-8")
            return SiteRun(
                name=site.name,
                slug=site.slug,
                status="failed",
                reason=_reason(name, error),
                seconds=time.perf_counter() - began,
            )
        timings[name] = round(time.perf_counter() - started, 3)
    write_json(internal / "manifest.json", _manifest(site, identity, timings))
    return SiteRun(name=site.name, slug=site.slug, status="ok", seconds=time.perf_counter() - began)


def run_notebook(name: str, *, folder: Path, parameters: dict[str, Any]) -> None:
    """Execute one notebook into ``folder``, which is also its working folder.

    Raises
    ------
    Exception
        Whatever the notebook raised, a dead kernel or a cell that took too long; also when it
        ended without writing its part.
    """
    import papermill
    from jupyter_client.provisioning import KernelProvisionerFactory
    from traitlets.config import Config

    config = Config()
    config.KernelManager.transport = "ipc"
    config.AsyncKernelManager.transport = "ipc"
    KernelProvisionerFactory.instance().default_provisioner_name = PROVISIONER
    part = folder / f"{name}{PART_SUFFIX}"
    part.unlink(missing_ok=True)
    with _single_threaded():
        papermill.execute_notebook(
            str(notebook_folder() / f"{name}.ipynb"),
            str(folder / f"{name}.ipynb"),
            parameters=parameters,
            kernel_name="python3",
            cwd=str(folder),
            progress_bar=False,
            log_output=False,
            start_timeout=_START_SECONDS,
            execution_timeout=_CELL_SECONDS,
            config=config,
            shutdown_kernel="immediate",
        )
    if not part.is_file():
        raise RuntimeError(f"{name} ended without writing {part.name}")


@contextlib.contextmanager
def executor(jobs: int, scheduler: str | None) -> Iterator[Executor]:
    """A process pool of ``jobs`` workers, or the workers of a Dask scheduler."""
    if scheduler is None:
        with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
            yield pool
        return
    from hotspot_eval.run.cluster import dask_executor

    with dask_executor(scheduler) as pool:
        yield pool


@contextlib.contextmanager
def _single_threaded() -> Iterator[None]:
    """One numeric thread a kernel: sites run side by side instead."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _still_good(plan: StudyPlan, site: SitePlan, identity: dict[str, Any]) -> bool:
    manifest = plan.internal(site) / "manifest.json"
    parts = [plan.internal(site) / f"{name}{PART_SUFFIX}" for name in NOTEBOOKS]
    if not all(path.is_file() for path in (manifest, *parts)):
        return False
    earlier = json.loads(manifest.read_text(encoding="utf-8"))
    return bool(earlier.get("fingerprint") == fingerprint(identity))


def _identities(plan: StudyPlan) -> dict[str, dict[str, Any]]:
    """Site → what decides whether its earlier run is still good; each input file is read once."""
    code, packages = code_version(), package_versions()
    sums: dict[Path, dict[str, Any]] = {}
    told = {}
    for site in plan.sites:
        if site.source not in sums:
            files = Inputs(params=site.params, folders=site.folders).files()
            sums[site.source] = input_checksums(files, site.folders)
        inputs = sums[site.source]
        told[site.slug] = {**site.identity(), "inputs": inputs, "code": code, "packages": packages}
    return told


def _manifest(
    site: SitePlan, identity: dict[str, Any], timings: dict[str, float]
) -> dict[str, Any]:
    return {
        **identity,
        "fingerprint": fingerprint(identity),
        "seed": site.params.seed,
        "seconds": timings,
        "notebooks": [*NOTEBOOKS],
        "synthesis": SYNTHESIS,
    }


def _reason(step: str, error: Exception) -> str:
    """What went wrong in a line: the notebook, the error, never a traceback or a folder."""
    name = getattr(error, "ename", type(error).__name__)
    said = str(getattr(error, "evalue", error)).strip() or "no message"
    return f"{step}: {name}: {hide_paths(' '.join(said.split()))[:400]}"
