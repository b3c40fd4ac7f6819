"""Folders: what a params file may read, and where results may go."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from hotspot_eval.errors import InputError, Problem

__all__ = ["CONTEXT", "Folders"]

CONTEXT = "inputs.json"

_FOREIGN = re.compile(r"://|^/vsi|^[A-Za-z]:|^~|[\x00*?\[\]|<>\"]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Folders:
    """The project's folder and the data folders declared beside it.

    A params file names files relative to either; a path that leaves both, through ``..`` or a
    link, is refused. Data folders are declared by the person at the keyboard (``--data DIR``),
    never by a params file.

    Parameters
    ----------
    project : Path
        Folder of the params file, or the one above where that folder is called ``params`` or
        ``examples``.
    data : tuple of Path
        Further folders to read from.
    """

    project: Path
    data: tuple[Path, ...] = ()

    @classmethod
    def around(cls, params: Path, data: Iterable[Path] = ()) -> Self:
        """The folders that belong to a params file."""
        home = params.resolve().parent
        while home.name in ("params", "examples"):
            home = home.parent
        return cls(project=home, data=tuple(Path(folder).resolve() for folder in data))

    def find(self, name: str, *, field: str) -> Path:
        """The file or folder that a params field names.

        Raises
        ------
        InputError
            If the name is no local path, leaves the declared folders, or nothing is there.
        """
        where = f"field '{field}'"
        if _FOREIGN.search(name):
            raise InputError(
                Problem(
                    where=where,
                    what=f"{name!r} is not a plain local path",
                    advice="Only local files inside the project or a --data folder are read.",
                )
            )
        inside = []
        for root in (self.project, *self.data):
            found = (root / name).resolve()
            if found.is_relative_to(root):
                inside.append(found)
                if found.exists():
                    return found
        if not inside:
            raise InputError(
                Problem(
                    where=where,
                    what=f"{name!r} leaves the project",
                    advice="Put the file inside the project, or declare its folder with --data.",
                )
            )
        raise InputError(
            Problem(
                where=where,
                what=f"{name!r} is neither in the project nor in a --data folder",
                advice="Check the name, or pass --data FOLDER.",
            )
        )

    def told(self, path: Path) -> str:
        """A path below its declared folder, fit for a published manifest."""
        for root in (self.project, *self.data):
            if path.is_relative_to(root):
                return path.relative_to(root).as_posix()
        return path.name
