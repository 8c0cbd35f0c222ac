"""Who may import whom: flows → tasks → blocks, no circles, and folders that know no Prefect."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LAYERS = ("blocks", "tasks", "flows")  # each may import itself and those before it
WITHOUT_PREFECT = (
    *("tasks/entities", "tasks/lake", "tasks/reading", "tasks/cleaning", "tasks/loading"),
    *("tasks/reporting", "blocks/stores", "blocks/samples"),
)
WITHOUT_DATABASE = ("tasks/entities", "tasks/lake", "tasks/cleaning", "blocks/stores")


def modules() -> dict[str, Path]:
    """Every module of the product by its dotted name."""
    found = {}
    for layer in LAYERS:
        for path in (ROOT / layer).rglob("*.py"):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            found[name.removesuffix(".__init__")] = path
    return found


MODULES = modules()


def imported(name: str) -> set[str]:
    """All that a module imports, at its top or within a function."""
    found = set()
    for node in ast.walk(ast.parse(MODULES[name].read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            inside = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {each if each in MODULES else node.module for each in inside}
    return found


IMPORTS = {name: imported(name) for name in MODULES}


def below(folder: str) -> dict[str, set[str]]:
    """The modules of a folder, with all that each one reaches through modules of the product."""
    start = folder.replace("/", ".")
    return {name: reached(name) for name in MODULES if f"{name}.".startswith(f"{start}.")}


def reached(name: str) -> set[str]:
    found: set[str] = set()
    todo = [name]
    while todo:
        for other in IMPORTS[todo.pop()] - found:
            found.add(other)
            if other in MODULES:
                todo.append(other)
    return found


@pytest.mark.parametrize("name", MODULES)
def test_a_layer_imports_itself_and_those_below(name: str) -> None:
    allowed = LAYERS[: LAYERS.index(name.partition(".")[0]) + 1]
    ours = {other for other in IMPORTS[name] if other.partition(".")[0] in LAYERS}
    assert {other for other in ours if other.partition(".")[0] not in allowed} == set()


@pytest.mark.parametrize("name", MODULES)
def test_no_module_imports_itself_through_others(name: str) -> None:
    assert name not in reached(name)


@pytest.mark.parametrize("name", [name for name in MODULES if name.startswith("flows.")])
def test_flows_submit_tasks_with_the_wait_that_is_set(name: str) -> None:
    """`submit` of flows.shared.run sets a task's wait before retries; Prefect's own can't."""
    calls = [
        n for n in ast.walk(ast.parse(MODULES[name].read_text("utf-8"))) if isinstance(n, ast.Call)
    ]
    submitted = [n for n in calls if isinstance(n.func, ast.Attribute) and n.func.attr == "submit"]
    assert len(submitted) == (name == "flows.shared.run")


@pytest.mark.parametrize("folder", WITHOUT_PREFECT)
def test_a_folder_without_prefect(folder: str) -> None:
    own = {name: IMPORTS[name] for name in below(folder)}
    assert {n for n, found in own.items() if any(i.startswith("prefect") for i in found)} == set()


@pytest.mark.parametrize("folder", WITHOUT_DATABASE)
def test_a_folder_without_a_database(folder: str) -> None:
    assert {n for n, found in below(folder).items() if any("psycopg" in i for i in found)} == set()
