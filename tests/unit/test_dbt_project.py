"""The dbt project as dbt itself reads it: layers, documentation, tests, contracts, settings."""

import importlib
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tasks.entities.contracts import ENTITIES
from tests.conftest import PROJECT

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest as DbtManifest

Manifest = dict[str, Any]

# a layer (folder under models/, or a source) and what it may read
LAYERS = {
    "staging": {"source"},
    "intermediate": {"staging"},
    "core": {"staging", "intermediate", "core", "build"},
    "marts": {"core", "marts", "build"},
    # what a build has to do, and has done: may read everything
    "build": {"source", "staging", "intermediate", "core", "marts", "build"},
}


@pytest.fixture(scope="module")
def manifest(dbt_project: "DbtManifest", tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    """The project, parsed, as dbt writes it down."""
    file = tmp_path_factory.mktemp("manifest") / "manifest.json"
    dbt_project.write(str(file))
    parsed: Manifest = json.loads(file.read_text("utf-8"))
    return parsed


def nodes(manifest: Manifest, *kinds: str) -> list[dict[str, Any]]:
    """Models or tests of the project."""
    return [node for node in manifest["nodes"].values() if node["resource_type"] in kinds]


def public(manifest: Manifest) -> list[dict[str, Any]]:
    """What consumers read."""
    return [node for node in nodes(manifest, "model") if node["fqn"][1] in ("core", "marts")]


def layer(manifest: Manifest, unique_id: str) -> str:
    """The layer of a model or source."""
    if unique_id in manifest["sources"]:
        return "source"
    return str(manifest["nodes"][unique_id]["fqn"][1])


def layering_errors(manifest: Manifest) -> list[str]:
    """What reads something that its layer may not read."""
    return [
        f"{node['name']} reads {read}"
        for node in nodes(manifest, "model")
        for read in node["depends_on"]["nodes"]
        if layer(manifest, read) not in LAYERS[layer(manifest, node["unique_id"])]
    ]


def test_layers_read_the_layer_before(manifest: Manifest) -> None:
    assert layering_errors(manifest) == []


def test_layering_error_is_found(manifest: Manifest) -> None:
    mart = manifest["nodes"]["model.coretelecoms.agg_daily_complaints"]
    mart["depends_on"]["nodes"].append("model.coretelecoms.stg_call_logs")
    try:
        assert layering_errors(manifest) == [
            "agg_daily_complaints reads model.coretelecoms.stg_call_logs"
        ]
    finally:
        mart["depends_on"]["nodes"].pop()


def test_no_dimension_but_the_calendar_reads_facts(manifest: Manifest) -> None:
    readers = {
        node["name"]
        for node in nodes(manifest, "model")
        if node["name"].startswith("dim_")
        and any(".fct_" in read for read in node["depends_on"]["nodes"])
    }
    assert readers == {"dim_date"}


def test_every_model_has_its_own_yml_that_says_its_grain(manifest: Manifest) -> None:
    for node in nodes(manifest, "model"):
        sql_file = PROJECT / node["original_file_path"]
        assert sql_file.with_suffix(".yml").exists(), node["name"]
        assert node["description"].startswith("One row per "), node["name"]


def test_every_listed_column_is_described(manifest: Manifest) -> None:
    for node in nodes(manifest, "model"):
        assert node["columns"], node["name"]
        undescribed = [
            name for name, column in node["columns"].items() if not column["description"]
        ]
        assert undescribed == [], node["name"]
    for source in manifest["sources"].values():
        assert source["description"], source["name"]


def behind(manifest: Manifest, node: dict[str, Any]) -> set[str]:
    """All that a model is made from, itself or through other models."""
    found: set[str] = set()
    waiting = [node["unique_id"]]
    while waiting:
        for read in manifest["nodes"].get(waiting.pop(), {}).get("depends_on", {}).get("nodes", []):
            if read not in found:
                found.add(read)
                waiting.append(read)
    return found


def test_personal_columns_are_marked_wherever_they_get_to(manifest: Manifest) -> None:
    """dbt/macros/readers.sql keeps the marked ones from the role that may not read them."""
    for node in nodes(manifest, "model"):
        personal = {
            column
            for source in behind(manifest, node)
            if source.startswith("source.coretelecoms.conformed.")
            for column in ENTITIES[source.rpartition(".")[2].removesuffix("_versions")].personal
        }
        marked = {
            name
            for name, column in node["columns"].items()
            if column["config"]["meta"].get("personal")
        }
        assert marked == personal & set(node["columns"]), node["name"]


def test_star_schema_and_marts_have_enforced_contracts(manifest: Manifest) -> None:
    assert len(public(manifest)) == 9
    for node in public(manifest):
        assert node["config"]["contract"]["enforced"], node["name"]
        assert node["config"]["persist_docs"] == {"relation": True, "columns": True}, node["name"]
        assert all(column["data_type"] for column in node["columns"].values()), node["name"]


@pytest.fixture(scope="module")
def tested(manifest: Manifest) -> set[tuple[str, str, str]]:
    """(test, model, column) of every generic test."""
    return {
        (
            node["test_metadata"]["name"],
            manifest["nodes"][node["attached_node"]]["name"],
            node["column_name"] or "",
        )
        for node in nodes(manifest, "test")
        if "test_metadata" in node and node["attached_node"]
    }


@pytest.fixture(scope="module")
def known(manifest: Manifest) -> dict[str, Any]:
    """What the columns of fct_complaints are tested for, by column."""
    arguments = [
        node["test_metadata"]["kwargs"]
        for node in nodes(manifest, "test")
        if node.get("test_metadata", {}).get("name") == "known_values"
    ]
    return {
        column: there
        for kwargs in arguments
        for kind in ("values", "references")
        for column, there in kwargs.get(kind, {}).items()
    }


@pytest.mark.parametrize(
    ("model", "key"),
    [
        ("dim_customers", "customer_key"),
        ("dim_agents", "agent_key"),
        ("dim_date", "date_key"),
        ("fct_complaints", "complaint_key"),
        ("fct_complaint_lifecycle", "complaint_key"),
        ("agg_agent_performance", "agent_id"),
    ],
)
def test_keys_are_tested(tested: set[tuple[str, str, str]], model: str, key: str) -> None:
    assert {("unique", model, key), ("not_null", model, key)} <= tested


@pytest.mark.parametrize("mart", ["agg_daily_complaints", "agg_agent_daily", "feat_customer_month"])
def test_grain_of_several_columns_is_tested(tested: set[tuple[str, str, str]], mart: str) -> None:
    assert ("unique_together", mart, "") in tested


@pytest.mark.parametrize(
    ("column", "dimension"),
    [
        ("customer_key", "dim_customers"),
        ("agent_key", "dim_agents"),
        ("complaint_date_key", "dim_date"),
        ("resolution_date", "dim_date"),
    ],
)
def test_references_of_the_facts_are_tested(
    known: dict[str, Any], column: str, dimension: str
) -> None:
    assert known[column]["to"] == f"ref('{dimension}')"


@pytest.mark.parametrize(
    "column", ["channel", "complaint_category", "resolution_status", "media_channel"]
)
def test_enums_of_the_facts_are_tested(known: dict[str, Any], column: str) -> None:
    assert column in known


@pytest.mark.parametrize(
    ("model", "column"),
    [
        ("dim_customers", "gender"),
        ("dim_agents", "experience"),
        ("fct_complaint_lifecycle", "resolution_status"),
    ],
)
def test_enums_are_tested(tested: set[tuple[str, str, str]], model: str, column: str) -> None:
    assert ("accepted_values", model, column) in tested


def test_lifecycle_and_versions_have_unit_tests(manifest: Manifest) -> None:
    models = {test["model"] for test in manifest["unit_tests"].values()}
    assert {"fct_complaint_lifecycle", "fct_complaints", "dim_customers", "dim_agents"} <= models


def test_what_the_whole_build_is_judged_by_comes_last(manifest: Manifest) -> None:
    """built_run_dates waits for every table that consumers read, itself or through another."""
    last = manifest["nodes"]["model.coretelecoms.built_run_dates"]
    assert {node["unique_id"] for node in public(manifest)} <= behind(manifest, last)


def test_needs_no_package_from_a_hub() -> None:
    assert not (PROJECT / "packages.yml").exists()
    assert not (PROJECT / "dependencies.yml").exists()


def test_profile_holds_nothing_but_env_vars() -> None:
    profile = yaml.safe_load((PROJECT / "profiles.yml").read_text("utf-8"))
    output = profile["coretelecoms"]["outputs"]["postgres"]
    written_out = {
        name: value for name, value in output.items() if not re.match(r"\{\{ env_var\(", str(value))
    }
    assert written_out == {
        "type": "postgres",
        "connect_timeout": 10,
        "application_name": "coretelecoms dbt",  # by which a wait's message knows its sessions
    }
    assert "DBT_ENV_SECRET_" in output["password"]


def test_sends_no_usage_statistics() -> None:
    project = yaml.safe_load((PROJECT / "dbt_project.yml").read_text("utf-8"))
    assert project["flags"]["send_anonymous_usage_stats"] is False


def test_folder_does_not_shadow_the_installed_dbt() -> None:
    """From the root, `import dbt` must find dbt-core: true while the folder has no Python."""
    assert list(PROJECT.rglob("*.py")) == []
    installed = importlib.import_module("dbt.cli.main")
    assert PROJECT not in Path(str(installed.__file__)).parents


def test_every_source_is_read(manifest: Manifest) -> None:
    read = {name for node in nodes(manifest, "model") for name in node["depends_on"]["nodes"]}
    assert set(manifest["sources"]) <= read
