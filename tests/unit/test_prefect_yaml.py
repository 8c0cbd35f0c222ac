"""prefect.yaml, held against Prefect's own schema and against the flows it names."""

import inspect
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from jsonschema.exceptions import best_match  # type: ignore[import-untyped]
from prefect import Flow
from prefect.cli.deploy._models import PrefectYamlModel
from prefect.exceptions import SignatureMismatchError
from prefect.flows import load_flow_from_entrypoint

ROOT = Path(__file__).parents[2]
FILE: dict[str, Any] = yaml.safe_load((ROOT / "prefect.yaml").read_text("utf-8"))
DEPLOYMENTS: list[dict[str, Any]] = FILE["deployments"]

each_deployment = pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=lambda d: d["name"])


def schema() -> dict[str, Any]:
    """Prefect publishes schemas/prefect.yaml.schema.json, made from this model.

    Made stricter than published, which lets unknown keys pass: a misspelt key does nothing.
    """
    made = PrefectYamlModel.model_json_schema()
    made["properties"]["definitions"] = {"type": "object"}  # ours: anchors that others repeat
    for part in (made, *made["$defs"].values()):
        if "properties" in part:
            part.setdefault("additionalProperties", False)
    return made


def test_it_is_what_prefect_reads() -> None:
    error = best_match(Draft202012Validator(schema()).iter_errors(FILE))
    assert error is None, f"{error.json_path}: {error.message}"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("schedulles",), []),
        (("work_pool", "queue"), "backfill"),
        (("concurrency_limit", "colision_strategy"), "ENQUEUE"),
        (("concurrency_limit",), "one"),
        (("entrypoint",), 1),
    ],
    ids=lambda given: ".".join(given) if isinstance(given, tuple) else None,
)
def test_the_schema_sees_mistakes(path: tuple[str, ...], value: object) -> None:
    file = yaml.safe_load((ROOT / "prefect.yaml").read_text("utf-8"))
    place = file["deployments"][0]
    for key in path[:-1]:
        place[key] = dict(place[key])
        place = place[key]
    place[path[-1]] = value
    assert list(Draft202012Validator(schema()).iter_errors(file))


@each_deployment
def test_entry_points_load(deployment: dict[str, Any]) -> None:
    flow: Flow[Any, Any] = load_flow_from_entrypoint(
        deployment["entrypoint"], use_placeholder_flow=False
    )
    flow.validate_parameters(_filled(flow, deployment.get("parameters", {})))
    for schedule in deployment.get("schedules", []):
        flow.validate_parameters(_filled(flow, schedule.get("parameters", {})))


def test_a_parameter_that_the_flow_lacks_is_seen() -> None:
    """`prefect deploy` takes it, and the run ends in Crashed without its name."""
    flow: Flow[Any, Any] = load_flow_from_entrypoint(
        "flows.daily.daily", use_placeholder_flow=False
    )
    with pytest.raises(SignatureMismatchError, match="wait_untill"):
        flow.validate_parameters(_filled(flow, {"wait_untill": "01:00"}))


@each_deployment
def test_hooks_may_be_called_by_position_and_by_keyword(deployment: dict[str, Any]) -> None:
    """A flow's own process calls them by position, a worker by these names."""
    flow: Flow[Any, Any] = load_flow_from_entrypoint(
        deployment["entrypoint"], use_placeholder_flow=False
    )
    hooks = [
        *flow.on_running_hooks,
        *flow.on_completion_hooks,
        *flow.on_failure_hooks,
        *flow.on_crashed_hooks,
        *flow.on_cancellation_hooks,
    ]
    assert hooks
    for hook in hooks:
        signature = inspect.signature(hook)
        named = signature.bind(flow="flow", flow_run="run", state="state")
        assert named == signature.bind("flow", "run", "state")


def _filled(flow: Flow[Any, Any], given: dict[str, Any]) -> dict[str, Any]:
    """The given parameters, and a run date for each that a run would have to give."""
    needed = [
        name
        for name, parameter in inspect.signature(flow.fn).parameters.items()
        if parameter.default is inspect.Parameter.empty
    ]
    return dict.fromkeys(needed, "2025-11-20") | given


def test_the_daily_run() -> None:
    (daily,) = [d for d in DEPLOYMENTS if d["name"] == "coretelecoms"]
    assert daily["entrypoint"] == "flows.daily.daily"
    assert daily["concurrency_limit"] == {"limit": 1, "collision_strategy": "ENQUEUE"}
    (schedule,) = daily["schedules"]
    assert len(schedule["cron"].split()) == 5
    assert ZoneInfo(schedule["timezone"])


def test_only_the_daily_run_is_scheduled() -> None:
    assert [d["name"] for d in DEPLOYMENTS if "schedules" in d] == ["coretelecoms"]


def test_a_backfill_goes_to_a_deployment_that_is_here() -> None:
    (backfill,) = [d for d in DEPLOYMENTS if d["name"] == "backfill"]
    days = {
        f"{load_flow_from_entrypoint(d['entrypoint']).name}/{d['name']}": d for d in DEPLOYMENTS
    }
    day = days[backfill["parameters"]["deployment"]]
    assert day["entrypoint"] == "flows.daily.daily"
    # in one queue with the daily run, and with each other, a backfill would share no work.
    assert day["concurrency_limit"]["limit"] > 1
    assert day["name"] != "coretelecoms"


def test_no_deployment_loads_sample_data() -> None:
    """Each names a platform that has to be registered first."""
    assert {d["parameters"]["platform"] for d in DEPLOYMENTS} == {"production"}
