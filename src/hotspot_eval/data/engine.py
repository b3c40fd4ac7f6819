"""DuckDB shut off from everything but the files it was handed."""

from __future__ import annotations

import os
import tempfile
import weakref
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from pathlib import Path

import duckdb
import pandas as pd

from hotspot_eval.errors import InputError, Problem

__all__ = ["Engine", "Limits", "literal", "plain_name"]

_GLOB = set("*?[]{}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of one reading; the defaults suit a laptop.

    Parameters
    ----------
    memory_mb : int
        What DuckDB may hold where rows are needed (``.frame``, ``diff_vintages``, dated records),
        before it spills to its scratch folder. Counting street files holds a few megabytes a
        thread and eight bytes a cell.
    threads : int
        Worker threads, by default one a core and at most eight; results do not depend on it.
    batch_mb : int
        CSV text at most unpacked at a time where rows are needed.
    max_ratio : float
        An archive that unpacks to more than this many times its size is refused.
    max_unpacked_gb : float
        As is one that unpacks to more than this.
    """

    memory_mb: int = 512
    threads: int = field(default_factory=lambda: min(os.cpu_count() or 1, 8))
    batch_mb: int = 256
    max_ratio: float = 200.0
    max_unpacked_gb: float = 100.0

    def __post_init__(self) -> None:
        bad = [
            f"{f.name}={getattr(self, f.name)}"
            for f in fields(self)
            if not getattr(self, f.name) > 0
        ]
        if bad:
            raise InputError(Problem(where="limits", what="must be above 0", examples=bad))


class Engine:
    """One closed DuckDB database and its scratch folder, removed with the last reference.

    Parameters
    ----------
    files : sequence of Path
        The only files outside the scratch folder that queries may read.
    limits : Limits
    on_disk : bool
        False keeps every row in memory and never spills: for record-level data.
    """

    __slots__ = ("__weakref__", "_finalizer", "_relieved", "connection", "scratch")

    def __init__(self, files: Sequence[Path], *, limits: Limits, on_disk: bool = True) -> None:
        folder = tempfile.TemporaryDirectory(prefix="hotspot-eval-")
        self.scratch = Path(folder.name).resolve()
        self.connection = duckdb.connect(":memory:")
        self._relieved: set[str] = set()
        allowed = ", ".join(literal(str(path)) for path in files)
        for setting in (
            f"threads = {limits.threads}",
            f"memory_limit = '{limits.memory_mb}MB'",
            f"temp_directory = {literal(str(self.scratch / 'spill') if on_disk else '')}",
            "preserve_insertion_order = false",
            "autoinstall_known_extensions = false",
            "autoload_known_extensions = false",
            f"allowed_paths = [{allowed}]",
            f"allowed_directories = [{literal(str(self.scratch))}]",
            "enable_external_access = false",
            "lock_configuration = true",
        ):
            self.connection.execute(f"SET {setting}")
        self._finalizer = weakref.finalize(self, _close, self.connection, folder)

    def close(self) -> None:
        """Close the database and remove the scratch folder."""
        self._finalizer()

    def run(self, query: str, **tables: pd.DataFrame) -> None:
        """Run a statement; keyword arguments are frames it may name."""
        with self._naming(tables):
            # DuckDB may put an INSERT off until its count is fetched.
            self.connection.execute(query).fetchall()

    def ask(self, query: str, **tables: pd.DataFrame) -> pd.DataFrame:
        """The answer to a query as a frame."""
        with self._naming(tables):
            answer: pd.DataFrame = self.connection.execute(query).df()
        return answer

    def relieve(self, table: str, *, above: int) -> None:
        """Move a table's rows to the scratch folder, compressed, once there are many."""
        if int(self.ask(f"SELECT count(*) AS n FROM {table}")["n"].iloc[0]) <= above:
            return
        file = literal(str(self.scratch / "rest.duckdb"))
        self.run(f"ATTACH IF NOT EXISTS {file} AS disk")
        self.run(f"CREATE TABLE IF NOT EXISTS disk.{table} AS FROM {table} LIMIT 0")
        self.run(f"INSERT INTO disk.{table} FROM {table}")
        self.run(f"TRUNCATE {table}")
        self._relieved.add(table)

    def gather(self, table: str) -> None:
        """Make ``all_<table>``, which holds the table's rows wherever they are."""
        parts = [f"FROM {table}"]
        if table in self._relieved:
            parts.append(f"FROM disk.{table}")
        self.run(f"CREATE OR REPLACE VIEW all_{table} AS {' UNION ALL '.join(parts)}")

    @contextmanager
    def _naming(self, tables: dict[str, pd.DataFrame]) -> Iterator[None]:
        for name, table in tables.items():
            self.connection.register(name, table)
        try:
            yield
        finally:
            for name in tables:
                self.connection.unregister(name)


def _close(connection: duckdb.DuckDBPyConnection, folder: tempfile.TemporaryDirectory[str]) -> None:
    connection.close()
    folder.cleanup()


def literal(text: str) -> str:
    """A string as SQL text.

    Examples
    --------
    >>> literal("St John's")
    "'St John''s'"
    """
    return "'" + text.replace("'", "''") + "'"


def plain_name(paths: Iterable[Path]) -> Iterable[Problem]:
    """Refuse names that DuckDB would read as a pattern for several files."""
    bad = [path.name for path in paths if _GLOB & set(str(path))]
    if bad:
        yield Problem(
            where="argument 'paths'",
            what="file or folder names hold one of * ? [ ] { }",
            examples=bad,
            advice="Rename them.",
        )
