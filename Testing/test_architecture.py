"""The house of the library: arrows point down, no circle, light where it must be light, small files.

A new package needs a floor: write it into ``ORDER``.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from SAMAdaptLib.utils.process import child_environment

ROOT = Path(__file__).resolve().parent.parent
LIBRARY = ROOT / "SAMAdaptLib"
NAME = LIBRARY.name

ORDER: tuple[tuple[str, ...], ...] = (
    ("errors", "_version"),
    ("progress", "utils"),
    ("data", "encoders", "networks"),
    ("heads", "preprocessing"),
    ("features", "evaluation"),
    ("priors",),
    ("inference",),
    ("training",),
    ("live",),
    ("jobs",),
    ("worker",),
    ("mrml", "cli"),
    ("demo",),
    ("api", "gui"),
    ("__main__",),
)
"""From the ground up. A package or file may know itself and what lies on a lower floor; neighbours know each other only
where ``NEIGHBOURS`` says so. What is imported for type checking alone counts as known."""

NEIGHBOURS: frozenset[tuple[str, str]] = frozenset()

NOT_YET: frozenset[str] = frozenset()

HEAVY = frozenset(
    {"numpy", "torch", "scipy", "SimpleITK", "onnxruntime", "openvino", "safetensors", "matplotlib", "pydicom"}
)
HOST = frozenset({"slicer", "vtk", "qt", "ctk", "mrml", "vtkmodules", "PySide6"})
LIGHT = (
    "SAMAdaptLib",
    "SAMAdaptLib.api",
    "SAMAdaptLib.cli",
    "SAMAdaptLib.cli.listings",
    "SAMAdaptLib.cli.verbs",
    "SAMAdaptLib.worker.client",
    "SAMAdaptLib.worker.cluster",
    "SAMAdaptLib.worker.pool",
    "SAMAdaptLib.worker.benchmark",
    "SAMAdaptLib.encoders",
    "SAMAdaptLib.encoders.registry",
    "SAMAdaptLib.encoders.weights.store",
    "SAMAdaptLib.errors",
    "SAMAdaptLib.worker.handle",
    "SAMAdaptLib.heads.card",
    "SAMAdaptLib.utils.paths",
    "SAMAdaptLib.worker.in_process",
    "SAMAdaptLib.jobs.specs",
    "SAMAdaptLib.jobs.probe",
    "SAMAdaptLib.progress",
    "SAMAdaptLib.jobs.runner",
    "SAMAdaptLib.mrml.logic",
    "SAMAdaptLib.data.structure",
    "SAMAdaptLib.demo.samples.names",
    "SAMAdaptLib.worker.protocol",
    "SAMAdaptLib.worker.server",
)
LONGEST_FILE = 400
LONGEST_FUNCTION = 50
MOST_FILES = 15
MOST_ENTRIES_AT_THE_TOP = 24


@cache
def modules() -> dict[str, Path]:
    """Every module of the library by its dotted name."""
    found = {}
    for path in sorted(LIBRARY.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@cache
def tree(name: str) -> ast.Module:
    return ast.parse(modules()[name].read_text(encoding="utf-8"))


def room(name: str) -> str:
    """The part of the house that a module belongs to."""
    parts = name.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def imports(node: ast.AST, anywhere: bool) -> Iterator[ast.Import | ast.ImportFrom]:
    """Import statements; ``anywhere`` False leaves out those that do not run when the module is imported."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield child
        elif not anywhere and (is_type_checking(child) or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)):
            continue
        else:
            yield from imports(child, anywhere)


def imported(name: str, anywhere: bool) -> set[str]:
    """Dotted names of all that a module imports, within the library and without."""
    path = modules()[name]
    package = name.split(".") if path.stem == "__init__" else name.split(".")[:-1]
    found = set()
    for statement in imports(tree(name), anywhere):
        if isinstance(statement, ast.Import):
            found |= {alias.name for alias in statement.names}
            continue
        base = package[: len(package) - statement.level + 1] if statement.level else []
        origin = ".".join([*base, *([statement.module] if statement.module else [])])
        for alias in statement.names:
            inner = f"{origin}.{alias.name}"
            found.add(inner if inner in modules() else origin)
    return found


def inside(names: set[str]) -> set[str]:
    return {name for name in names if name in modules()}


def tops(names: set[str]) -> set[str]:
    """Top-level packages outside the library."""
    return {name.partition(".")[0] for name in names} - {NAME}


def floor_of(name: str) -> int:
    return next((number for number, rooms in enumerate(ORDER) if room(name) in rooms), -1)


def may_know(who: str, whom: str) -> bool:
    here, there = room(who), room(whom)
    return here == there or floor_of(whom) < floor_of(who) or (here, there) in NEIGHBOURS


@pytest.mark.parametrize("name", sorted(modules()))
def test_every_room_has_a_floor(name: str) -> None:
    assert name == NAME or floor_of(name) >= 0, f"write {room(name)!r} into ORDER"


@pytest.mark.parametrize("name", sorted(modules()))
def test_arrows_point_down(name: str) -> None:
    if name == NAME:  # the front door opens upwards, lazily: see the next tests
        assert imported(name, anywhere=False) == {"__future__", "SAMAdaptLib._version"}
        return
    others = inside(imported(name, anywhere=True)) - {NAME}
    assert not {other for other in others if not may_know(name, other)}, f"{name} knows what is above or beside it"


def test_every_room_of_the_plan_is_there() -> None:
    planned = {name for rooms in ORDER for name in rooms}
    assert {room(name) for name in modules()} - {"__init__"} == planned - NOT_YET


def test_there_is_no_circle() -> None:
    graph = {name: inside(imported(name, anywhere=True)) - {NAME, name} for name in modules() if name != NAME}
    while graph:
        leaves = {name for name, needs in graph.items() if not needs & graph.keys()}
        if not leaves:
            break
        graph = {name: needs - leaves for name, needs in graph.items() if name not in leaves}
    assert not circle(graph)


def circle(graph: dict[str, set[str]]) -> list[str]:
    """One circle of a graph in which every node has a way on, else []."""
    if not graph:
        return []
    way = [min(graph)]
    while True:
        following = min(graph[way[-1]] & graph.keys())
        if following in way:
            return [*way[way.index(following) :], following]
        way.append(following)


@pytest.mark.parametrize("name", sorted(modules()))
def test_only_mrml_and_gui_know_the_host(name: str) -> None:
    allowed = {"gui", "mrml"}
    known = tops(imported(name, anywhere=True)) & HOST
    if room(name) == "gui":
        return
    if room(name) in allowed:
        assert not known & {"qt", "ctk"}
        assert not tops(imported(name, anywhere=False)) & HOST, "slicer and vtk are imported inside functions"
    else:
        assert not known


@pytest.mark.parametrize("name", [name for name in sorted(modules()) if room(name) == "gui"])
def test_the_gui_holds_no_mathematics(name: str) -> None:
    assert not tops(imported(name, anywhere=True)) & HEAVY


@pytest.mark.parametrize(
    ("who", "not_whom"),
    [
        ("networks", {"data", "encoders", "preprocessing", "features"}),
        ("encoders", {"networks", "data", "preprocessing", "features"}),
        ("preprocessing", {"encoders", "networks"}),
        ("heads", {"encoders", "preprocessing"}),
    ],
)
def test_what_may_not_be_known_is_not_known(who: str, not_whom: set[str]) -> None:
    names = [name for name in modules() if room(name) == who]
    known = {room(other) for name in names for other in inside(imported(name, anywhere=True))}
    assert names
    assert not known & not_whom


def closure(name: str) -> set[str]:
    """All that is imported, directly or not, when a module is imported."""
    reached: set[str] = set()
    waiting = [name]
    while waiting:
        current = waiting.pop()
        if current in reached:
            continue
        reached.add(current)
        if current in modules():
            parents = {current.rpartition(".")[0]} - {""}
            waiting += [*imported(current, anywhere=False), *parents]
    return reached


@pytest.mark.parametrize("name", [*LIGHT, *(name for name in sorted(modules()) if room(name) == "gui")])
def test_importing_what_is_light_imports_nothing_heavy(name: str) -> None:
    assert name in modules()
    assert not tops(closure(name)) & HEAVY


def test_importing_what_is_light_loads_nothing_heavy_in_a_fresh_python() -> None:
    code = f"""
import importlib, sys
for name in {LIGHT!r}:
    importlib.import_module(name)
print(sorted({{name.partition(".")[0] for name in sys.modules}} & set({sorted(HEAVY | HOST)!r})))
"""
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=child_environment()
    )
    assert found.stdout.strip() == "[]"


def test_the_front_door_names_what_it_has_before_it_loads_it() -> None:
    code = (
        "import sys, SAMAdaptLib as s; print(set(s.__all__) <= set(dir(s)), 'torch' in sys.modules, callable(s.train))"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=child_environment()
    )
    assert found.stdout.split() == ["True", "False", "True"]


def test_an_unknown_name_of_the_package_is_an_attribute_error() -> None:
    import SAMAdaptLib

    with pytest.raises(AttributeError, match="no attribute 'dance'"):
        _ = SAMAdaptLib.dance  # type: ignore[attr-defined]


@pytest.mark.parametrize("folder", [path for path in [LIBRARY, *sorted(LIBRARY.rglob("*"))] if path.is_dir()], ids=str)
def test_a_folder_can_be_read_at_a_glance(folder: Path) -> None:
    entries = [path for path in folder.iterdir() if path.name != "__pycache__" and any_python(path)]
    assert len(entries) <= (MOST_ENTRIES_AT_THE_TOP if folder == LIBRARY else MOST_FILES)


def any_python(path: Path) -> bool:
    return path.suffix == ".py" or (path.is_dir() and next(path.rglob("*.py"), None) is not None)


@pytest.mark.parametrize("name", sorted(modules()))
def test_a_file_holds_one_idea(name: str) -> None:
    assert len(modules()[name].read_text(encoding="utf-8").splitlines()) <= LONGEST_FILE


@pytest.mark.parametrize("name", sorted(modules()))
def test_functions_are_short(name: str) -> None:
    functions = [node for node in ast.walk(tree(name)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    long = [node.name for node in functions if body_length(node) > LONGEST_FUNCTION]
    assert not long


def body_length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function without its docstring."""
    has_docstring = ast.get_docstring(function) is not None
    statements = function.body[1:] if has_docstring else function.body
    return (function.end_lineno or 0) - statements[0].lineno + 1 if statements else 0


@pytest.mark.parametrize("name", sorted(modules()))
def test_nothing_is_asserted_and_every_module_says_what_it_is(name: str) -> None:
    assert not [node for node in ast.walk(tree(name)) if isinstance(node, ast.Assert)]
    assert ast.get_docstring(tree(name))


def test_the_door_to_the_scene_and_the_files_of_jobs_do_without_simpleitk() -> None:
    """Its import takes a tenth of a second in which Slicer's windows would stand still."""
    for name in (
        "SAMAdaptLib.mrml",
        "SAMAdaptLib.mrml.annotation.annotated_slices",
        "SAMAdaptLib.data.io.metaimage",
        "SAMAdaptLib.worker.client",
    ):
        assert name in modules()
        assert not tops(closure(name)) & {"SimpleITK"}
