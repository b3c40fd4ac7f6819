"""Executed notebooks as pages: code behind a toggle, figures described, no request, no script."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from hotspot_eval.errors import InputError, Problem, check_choice
from hotspot_eval.report.disclosure import Level
from hotspot_eval.report.files import hide_paths, write_atomically
from hotspot_eval.report.render import shown_at

if TYPE_CHECKING:
    from nbconvert import HTMLExporter
    from nbformat.notebooknode import NotebookNode

# nbconvert and nbformat take two seconds to import: only what renders notebooks pays for them.

__all__ = ["notebook_html"]

_TEMPLATES = Path(__file__).parent / "templates"
_LEFT_OUT = '<p class="small">Output left out: only protected tables and figures are published.</p>'
_INJECTED = "The settings of this run are listed on the site's page."


def notebook_html(
    executed_ipynb: str | Path,
    out_html: str | Path,
    *,
    title: str,
    back: str = "index.html",
    back_text: str = "Back to the results of this site",
    disclosure: Level = "open",
) -> Path:
    """Render an executed notebook as one page that needs nothing else.

    Code is folded away; figures keep their descriptions; warnings are shown in a box; the cell
    with injected parameters is replaced by a sentence, and absolute paths in texts are cut down
    to the file's name. Formulas in LaTeX stay as they are written, for no script runs.

    Parameters
    ----------
    executed_ipynb, out_html : str or Path
    title : str
        Of the page; also its heading if the notebook has none.
    back, back_text : str
        Link to the site's page; empty ``back`` for none.
    disclosure : {"open", "internal", "publication"}
        On publication only tables and figures that a part has protected are shown; other output
        of code is left out, and the page says so where it was.

    Raises
    ------
    InputError
        If the file is no notebook.
    """
    import nbformat

    check_choice("disclosure", disclosure, get_args(Level))
    source, target = Path(executed_ipynb), Path(out_html)
    try:
        notebook = nbformat.read(source, as_version=4)
    except (nbformat.reader.NotJSONError, nbformat.ValidationError, AttributeError) as error:
        raise InputError(
            Problem(where=source.name, what=f"is no notebook ({type(error).__name__})")
        ) from error
    for cell in notebook.cells:
        _clean(cell, strict=disclosure == "publication")
    page = {
        "title": title,
        "back": back,
        "back_text": back_text,
        "heading": not _has_heading(notebook),
        "css": _css(),
    }
    resources: dict[str, Any] = {"page": page, "metadata": {"name": title}}
    html, _ = _exporter().from_notebook_node(notebook, resources=resources)
    write_atomically(target, html)
    return target


@cache
def _exporter() -> HTMLExporter:
    from nbconvert import HTMLExporter

    return HTMLExporter(
        template_name="notebook",
        extra_template_basedirs=[str(_TEMPLATES)],
        language_code="en",
        exclude_anchor_links=True,
        exclude_input_prompt=True,
        exclude_output_prompt=True,
    )


@cache
def _css() -> str:
    names = ("style.css", "notebook.css")
    return "\n".join((_TEMPLATES / name).read_text(encoding="utf-8") for name in names)


def _has_heading(notebook: NotebookNode) -> bool:
    return any(
        line.startswith("# ")
        for cell in notebook.cells
        if cell.cell_type == "markdown"
        for line in cell.source.splitlines()
    )


def _clean(cell: NotebookNode, *, strict: bool) -> None:
    if "injected-parameters" in cell.metadata.get("tags", []):
        cell.cell_type, cell.source = "markdown", _INJECTED
        return
    if cell.cell_type != "code":
        return
    cell.source = hide_paths(cell.source)
    if strict:
        cell.outputs = [output if _protected(output) else _left_out() for output in cell.outputs]
    for output in cell.outputs:
        _clean_output(output)


def _protected(output: NotebookNode) -> bool:
    html = output.get("data", {}).get("text/html", "")
    return shown_at(html) == "publication"


def _left_out() -> NotebookNode:
    import nbformat

    return nbformat.v4.new_output("display_data", data={"text/html": _LEFT_OUT})


def _clean_output(output: NotebookNode) -> None:
    if output.output_type == "stream":
        output.text = hide_paths(output.text)
    elif output.output_type == "error":
        output.traceback = [hide_paths(line) for line in output.traceback]
    elif "text/plain" in output.get("data", {}):
        output.data["text/plain"] = hide_paths(output.data["text/plain"])
