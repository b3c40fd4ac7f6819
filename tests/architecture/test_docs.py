"""The documents keep up: params fields told, links that lead somewhere, names explained."""

from __future__ import annotations

import functools
import inspect
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import get_args

import pydantic
import pytest

import hotspot_eval as he
from hotspot_eval.run.params import Params

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
IN_FILE_ONLY = {"extends"}


def fields_of(model: type[pydantic.BaseModel], above: str = "") -> Iterator[str]:
    """Dotted names of the fields that hold a value, those of inner models in their place."""
    for name, told in model.model_fields.items():
        full = f"{above}{told.alias or name}"
        inner = [
            kind
            for kind in (told.annotation, *get_args(told.annotation))
            if inspect.isclass(kind) and issubclass(kind, pydantic.BaseModel)
        ]
        if inner:
            yield from fields_of(inner[0], f"{full}.")
        else:
            yield full


def documented_fields(text: str) -> set[str]:
    """Names in the first column of the table of fields; ``.end`` goes with the name before it."""
    found = set()
    for row in re.findall(r"^\| (`[^|]*) \|", text, flags=re.M):
        group = ""
        for name in re.findall(r"`([^`]+)`", row):
            if not name.startswith("."):
                group = name.rpartition(".")[0]
            found.add(f"{group}{name}" if name.startswith(".") else name)
    return found


def slug(heading: str) -> str:
    """The anchor that a heading gets: letters, digits, hyphens and underscores, in lower case."""
    plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").strip().lower()
    kept = "".join(c for c in plain if unicodedata.category(c)[0] in "LN" or c in " -_")
    return kept.replace(" ", "-")


def prose(text: str) -> str:
    """A document without its blocks of code."""
    return re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)


def broken_links(path: Path) -> list[str]:
    """Links to files that are not there, and to headings that no document has."""
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(path.read_text(encoding="utf-8"))):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        file = (path.parent / name).resolve() if name else path
        if not file.exists():
            broken.append(target)
        elif anchor:
            text = prose(file.read_text(encoding="utf-8"))
            if anchor not in map(slug, re.findall(r"^#+ (.+)$", text, flags=re.M)):
                broken.append(target)
    return broken


def explanation(thing: object) -> str | None:
    """The docstring of a name; of its class where it is one of our instances."""
    if isinstance(thing, functools.partial):
        return explanation(thing.func)
    if inspect.isclass(thing) or inspect.isroutine(thing) or isinstance(thing, ModuleType):
        told = thing.__doc__
        made_by_dataclass = inspect.isclass(thing) and (told or "").startswith(f"{thing.__name__}(")
        return None if made_by_dataclass else told
    ours = type(thing).__module__.startswith("hotspot_eval")
    return explanation(type(thing)) if ours else None


def test_every_field_of_the_params_is_told_and_no_other():
    told = documented_fields((ROOT / "docs" / "params.md").read_text(encoding="utf-8"))
    assert told - IN_FILE_ONLY == set(fields_of(Params))


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(path):
    assert broken_links(path) == []


def test_a_broken_link_is_seen(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "# Über *this*\n[a](#über-this) [b](#that) [c](gone.md) [d](https://x.org)\n"
        "```\n[e](code.md)\n```\n",
        encoding="utf-8",
    )
    assert broken_links(page) == ["#that", "gone.md"]


@pytest.mark.parametrize("name", [name for name in he.__all__ if name != "__version__"])
def test_public_names_are_explained(name):
    thing = getattr(he, name)
    if isinstance(thing, tuple):  # a constant: its entries are explained, and a document names it
        assert all(explanation(entry) for entry in thing)
        assert any(f"`{name}`" in path.read_text(encoding="utf-8") for path in DOCUMENTS)
    else:
        assert (explanation(thing) or "").strip()


def test_the_tests_that_methods_names_exist():
    text = (ROOT / "docs" / "methods.md").read_text(encoding="utf-8")
    files = re.findall(r"`((?:unit|reference|properties|calibration)/\w+\.py)`", text)
    tests = set(re.findall(r"`(test_\w+)`", text))
    sources = "".join(file.read_text(encoding="utf-8") for file in (ROOT / "tests").rglob("*.py"))
    assert [file for file in files if not (ROOT / "tests" / file).is_file()] == []
    assert len(files) > 30
    assert [name for name in tests if f"def {name}(" not in sources] == []
