"""The house: imports run one way, notebooks are thin, and the environment files agree."""

from __future__ import annotations

import ast
import json
import re
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "hotspot_eval"
# Each room may import from rooms further up this list, and within itself.
LAYERS = (
    ("errors",),
    ("ledger", "periods", "significance"),
    ("results",),
    ("panel",),
    ("design",),
    ("data",),
    ("spatial",),
    ("did",),
    ("inference",),
    ("planning",),
    ("synthesis",),
    ("report",),
    ("run",),
    ("cli",),
)
FLOOR = {room: depth for depth, rooms in enumerate(LAYERS) for room in rooms}
# The fork server imports all that notebooks will: it is the only module that reads the face.
PRELOAD = f"{PACKAGE}.run.warm.server"
PICTURES = ("matplotlib", "seaborn")


def room_of(module: str) -> str:
    return module.split(".")[1] if "." in module else "__init__"


def imports(source: str, module: str, is_face: bool) -> set[str]:
    """Modules that ``source`` imports, relative ones resolved."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            parts = module.split(".")
            home = parts if is_face else parts[:-1]
            base = ".".join(home[: len(home) - node.level + 1]) if node.level else ""
            name = ".".join(part for part in (base, node.module) if part)
            found |= {name} | {f"{name}.{alias.name}" for alias in node.names}
    return found


def wrong_arrows(sources: dict[str, tuple[str, bool]]) -> list[str]:
    """Every import that runs back up, as text."""
    wrong = []
    for module, (source, is_face) in sources.items():
        room = room_of(module)
        for target in sorted(imports(source, module, is_face)):
            if not target.startswith(f"{PACKAGE}."):
                if target == PACKAGE and room not in ("__init__", "cli") and module != PRELOAD:
                    wrong.append(f"{module} imports the face")
                continue
            other = room_of(target)
            if room in ("__init__", other) or other not in {*FLOOR, "simulate", "inference"}:
                continue
            if other == "simulate":
                if module != f"{PACKAGE}.run.demo":
                    wrong.append(f"{module} imports simulate")
            elif room == "simulate":
                if FLOOR[other] > FLOOR["data"]:
                    wrong.append(f"{module} imports {target}")
            elif FLOOR[other] > FLOOR[room] or (
                FLOOR[other] == FLOOR[room] and other != room and room == "errors"
            ):
                wrong.append(f"{module} imports {target}")
            elif room == "inference" and other == "did":
                wrong.append(f"{module} imports {target}: inference receives an Estimator")
    return wrong


def sources() -> dict[str, tuple[str, bool]]:
    table = {}
    for path in sorted((ROOT / "src" / PACKAGE).rglob("*.py")):
        parts = path.relative_to(ROOT / "src").with_suffix("").parts
        is_face = parts[-1] == "__init__"
        module = ".".join(parts[:-1] if is_face else parts)
        table[module] = (path.read_text(encoding="utf-8"), is_face)
    return table


def test_imports_run_one_way():
    assert wrong_arrows(sources()) == []


def test_every_module_belongs_to_a_room():
    rooms = {room_of(module) for module in sources()} - {"__init__", "simulate"}
    assert rooms <= set(FLOOR)


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("hotspot_eval.panel.core", "from hotspot_eval.did import twoway"),
        ("hotspot_eval.panel.core", "from ..report import pages"),
        ("hotspot_eval.inference.replay", "import hotspot_eval.did.twoway"),
        ("hotspot_eval.report.pages", "from hotspot_eval.simulate import simulate"),
        ("hotspot_eval.data.met", "def late():\n    from hotspot_eval.cli import main"),
        ("hotspot_eval.did.twoway", "import hotspot_eval"),
    ],
)
def test_a_planted_wrong_arrow_is_seen(module, line):
    planted = sources() | {module: (line, False)}
    assert any(found.startswith(module) for found in wrong_arrows(planted))


def test_modules_form_no_cycle():
    table = sources()
    graph = {
        module: {t for t in imports(*_named(module, table)) if t in table and t != module}
        for module in table
        if module != PACKAGE
    }
    done: set[str] = set()

    def walk(module: str, trail: tuple[str, ...]) -> None:
        assert module not in trail, f"cycle: {' → '.join((*trail, module))}"
        if module in done or module == PACKAGE:
            return
        for target in graph[module]:
            if not module.startswith(f"{target}."):
                walk(target, (*trail, module))
        done.add(module)

    for module in graph:
        walk(module, ())


def _named(module: str, table: dict[str, tuple[str, bool]]) -> tuple[str, str, bool]:
    source, is_face = table[module]
    return source, module, is_face


def test_only_figures_draw():
    for module, (source, is_face) in sources().items():
        drawn = {t.split(".")[0] for t in imports(source, module, is_face)} & set(PICTURES)
        assert not drawn or module.startswith(f"{PACKAGE}.report.figures"), (module, drawn)


def test_no_global_random_state():
    for module, (source, _) in sources().items():
        found = re.findall(r"np\.random\.(?!Generator|default_rng|SeedSequence)\w+", source)
        assert not found, (module, found)


NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_are_thin(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    tagged = [c for c in code if "parameters" in c["metadata"].get("tags", [])]
    assert len(tagged) == 1
    assert not any(cell["outputs"] or cell["execution_count"] for cell in code)
    banned = (ast.FunctionDef, ast.ClassDef, ast.Lambda, ast.For, ast.While, ast.ListComp)
    for cell in code:
        for node in ast.walk(ast.parse("".join(cell["source"]))):
            assert not isinstance(node, banned), (path.name, ast.unparse(node)[:80])


def test_environment_follows_pyproject():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *extras["lab"], *extras["test"]]
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    python, *_, pip = environment["dependencies"]
    assert python == f"python{project['requires-python']}"
    assert sorted(pip["pip"][1:]) == sorted(wanted)
    assert pip["pip"][0] == "--constraint constraints.txt"


def test_constraints_pin_every_dependency_and_name_no_address():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").split()
    assert all(re.fullmatch(r"[A-Za-z0-9_.\-]+==[A-Za-z0-9_.!+\-]+", line) for line in lines)
    pinned = {re.split("==", line)[0].lower().replace("_", "-") for line in lines}
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *extras["lab"], *extras["test"], *extras["cluster"]]
    names = {re.split(r"[><=\[]", line)[0].lower().replace("_", "-") for line in wanted}
    assert names <= pinned


def test_nothing_of_this_machine_is_committed():
    tracked = [p for p in ROOT.rglob("*") if p.is_file() and ".venv" not in p.parts]
    text = [p for p in tracked if p.suffix in {".py", ".toml", ".yml", ".yaml", ".md", ".ipynb"}]
    inside = [p for p in text if not {"outputs", ".git"} & set(p.relative_to(ROOT).parts)]
    pattern = re.compile(r"(?<![\w.])/(?:work|root|home)/\w|index-url|/simple/")
    this = Path(__file__)
    assert [p.name for p in inside if p != this and pattern.search(p.read_text("utf-8"))] == []
