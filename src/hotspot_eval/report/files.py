"""Names that are harmless on any disk and in any link, and files that are whole or absent."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
import unicodedata
from pathlib import Path

__all__ = ["hide_paths", "slug", "write_atomically"]

_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_RESERVED = frozenset({"internal", "synthesis", "figures"})
_FOLDERS = re.compile(
    r"(?<![\w.:/\\<+-])(?:file://)?~?/(?:[\w.+@~-]+/)+(?=[\w.+@~-])"
    r"|\b[A-Za-z]:\\(?:[^\\\s:*?\"<>|]+\\)+(?=[^\\\s])"
)


def slug(name: str) -> str:
    """A harmless file name for any text; one that is harmless already is kept.

    Examples
    --------
    >>> slug("richmond_upon_thames"), slug("South West London")
    ('richmond_upon_thames', 'South-West-London')
    >>> slug("../x")
    'x-d6b96a97'
    """
    spaced = name.replace(" ", "-")
    if _SAFE.fullmatch(spaced) and spaced.casefold() not in _RESERVED:
        return spaced
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    plain = re.sub(r"[^A-Za-z0-9]+", "-", plain).strip("-")[:48].rstrip("-") or "site"
    return f"{plain}-{hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"


def hide_paths(text: str) -> str:
    """The text with absolute paths cut down to the name of the file.

    Examples
    --------
    >>> hide_paths("cannot read '/srv/ann/data/register.csv': no column and/or row")
    "cannot read 'register.csv': no column and/or row"
    """
    return _FOLDERS.sub("", text)


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write a whole file or nothing, text as UTF-8: it is put in place at the end."""
    path.parent.mkdir(parents=True, exist_ok=True)
    raw = content.encode("utf-8") if isinstance(content, str) else content
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".writing-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(raw)
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
