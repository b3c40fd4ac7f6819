"""The manifest: what was run on what, written only after everything else succeeded."""

from __future__ import annotations

import hashlib
import json
import platform
import subprocess
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from hotspot_eval.report.files import write_atomically
from hotspot_eval.run.folders import Folders

__all__ = [
    "code_version",
    "files_below",
    "fingerprint",
    "input_checksums",
    "package_versions",
    "write_json",
]

_PACKAGES = (
    "numpy", "pandas", "scipy", "statsmodels", "libpysal", "esda", "geopandas", "numba", "duckdb",
    "pyarrow", "papermill", "nbconvert", "pydantic",
)  # fmt: skip
_CHUNK = 1 << 20


def write_json(path: Path, content: Any) -> None:
    """Write sorted JSON in one step: a reader sees the old file or the whole new one."""
    text = json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False)
    write_atomically(path, f"{text}\n")


def sha256(path: Path) -> str:
    """Checksum of a file, read in pieces."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while piece := stream.read(_CHUNK):
            digest.update(piece)
    return digest.hexdigest()


def input_checksums(paths: Iterable[Path], folders: Folders) -> dict[str, dict[str, Any]]:
    """Path below its declared folder → SHA-256 and size; a folder gives every file below it."""
    files = sorted({file for path in paths for file in files_below(path)})
    return {
        folders.told(file): {"sha256": sha256(file), "bytes": file.stat().st_size} for file in files
    }


def files_below(path: Path) -> list[Path]:
    """Every file of a folder, at any depth; a file itself."""
    return sorted(f for f in path.rglob("*") if f.is_file()) if path.is_dir() else [path]


def package_versions() -> dict[str, str]:
    """Version of Python and of every package that numbers depend on."""
    versions = {name: metadata.version(name) for name in _PACKAGES}
    return {"python": platform.python_version(), **versions}


def code_version() -> str:
    """Version of this package, with the commit where it runs from a checkout."""
    version = metadata.version("hotspot-eval")
    home = Path(__file__).resolve().parents[3]
    if not (home / ".git").exists():
        return version
    asked = subprocess.run(
        ["git", "-C", str(home), "describe", "--always", "--dirty", "--abbrev=12"],
        capture_output=True,
        text=True,
        check=False,
    )
    return f"{version}+{asked.stdout.strip()}" if asked.returncode == 0 else version


def fingerprint(content: Mapping[str, Any]) -> str:
    """Hash of JSON content, the same on every machine."""
    text = json.dumps(content, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()
