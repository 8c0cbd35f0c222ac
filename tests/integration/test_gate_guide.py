"""docs/coming-from-airflow.md: its code is run as it stands there, with all that can come before.

What Airflow does is written down here once more, from its own rules, and not from the page's code.
"""

import re
import threading
import time
from collections.abc import Callable
from itertools import product
from typing import Any

import pytest
from prefect import Task, allow_failure, flow, get_client, task, unmapped
from prefect.client.schemas.filters import TaskRunFilter, TaskRunFilterId
from prefect.exceptions import UnfinishedRun
from prefect.futures import PrefectFuture, as_completed, wait
from prefect.states import Completed, State

from tests.integration import test_gate
from tests.integration.server import ROOT, wait_for

PAGE = (ROOT / "docs/coming-from-airflow.md").read_text("utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
RULES = dict(re.findall(r"^\| `(\w+)`[^|]*\|[^|]*\| `([^|]+)` \|$", PAGE, re.MULTILINE))
END = ("Completed", "Skipped", "Failed", "NotReady")
EDGES = [row.split(" | ") for row in re.findall(rf"(?m)^\| (`(?:{'|'.join(END)})` .*) \|$", PAGE)]

Ends = list[str]


def count(ends: Ends, *which: str) -> int:
    return sum(end in which for end in ends)


# whether the task runs; `NotReady` stands for upstream_failed. Airflow 3.3.2 gives the same.
AIRFLOW: dict[str, Callable[[Ends], bool]] = {
    "all_success": lambda ends: count(ends, "Completed") == len(ends),
    "all_failed": lambda ends: count(ends, "Failed", "NotReady") == len(ends),
    "all_done": lambda ends: True,
    "all_skipped": lambda ends: count(ends, "Skipped") == len(ends),
    "one_failed": lambda ends: count(ends, "Failed", "NotReady") > 0,
    "one_success": lambda ends: count(ends, "Completed") > 0,
    "one_done": lambda ends: count(ends, "Completed", "Failed") > 0,
    "none_failed": lambda ends: count(ends, "Failed", "NotReady") == 0,
    "none_failed_min_one_success": lambda ends: (
        count(ends, "Failed", "NotReady") == 0 and count(ends, "Completed") > 0
    ),
    "none_skipped": lambda ends: count(ends, "Skipped") == 0,
    "always": lambda ends: True,
    "all_done_min_one_success": lambda ends: (
        count(ends, "Skipped") == 0 and count(ends, "Completed") > 0
    ),
    "all_done_setup_success": lambda ends: True,  # with a setup that succeeded
}
AT_ONCE = {"one_success": "Completed", "one_failed": "Failed", "one_done": "Failed"}


def code(rule: str) -> str:
    """The page's code of a rule."""
    said = RULES[rule]
    if said.startswith("c = "):
        return said
    (block,) = [b for b in BLOCKS if "RULE" in b and ("as_completed" in b) == ("first." in said)]
    return str(block).replace("RULE", said)


def block(word: str) -> str:
    """The one block of the page with this word in it."""
    (found,) = [block for block in BLOCKS if word in block]
    return str(found)


def run(code: str, **names: Any) -> Any:
    """Run code of the page; the future that it calls `c`, if it got there."""
    prefect = {"wait": wait, "as_completed": as_completed, "allow_failure": allow_failure}
    known = {**prefect, "unmapped": unmapped, "join": join, **names}
    exec(block("def failed"), known)
    exec(code, known)
    return known.get("c")


@task
def join(*given: object) -> tuple[object, ...]:
    return given


@task
def good() -> str:
    return "a value"


@task
def bad() -> None:
    raise ValueError("on purpose")


@task
def skips() -> State[None]:
    return Completed(name="Skipped", message="why")


def ended(end: str) -> PrefectFuture[Any]:
    """A task that ends so."""
    if end == "NotReady":
        return join.submit(wait_for=[bad.submit()])
    tasks: dict[str, Task[[], Any]] = {"Completed": good, "Skipped": skips, "Failed": bad}
    return tasks[end].submit()


def in_a_flow(body: Callable[[], Any]) -> Any:
    """What the body gives, run as a flow that is Completed."""
    found = []

    @flow
    def guide() -> None:
        found.append(body())

    guide()
    return found[0]


def test_every_rule_of_airflow_is_there() -> None:
    assert set(RULES) == set(AIRFLOW)


@pytest.mark.parametrize("rule", AIRFLOW)
def test_a_rule(prefect_server: None, rule: str) -> None:
    """With each pair of ends the task runs if it does in Airflow."""

    def body() -> dict[tuple[str, str], str | None]:
        setup = good.submit()
        upstream = {(side, end): ended(end) for side in "ab" for end in END}
        wait([*upstream.values()])
        assert {upstream[side, end].state.name == end for side in "ab" for end in END} == {True}
        runs = {
            (x, y): run(code(rule), a=upstream["a", x], b=upstream["b", y], setup=setup)
            for x, y in product(END, repeat=2)
        }
        wait([future for future in runs.values() if future])
        return {ends: future and future.state.name for ends, future in runs.items()}

    found = in_a_flow(body)
    ran = {ends: state == "Completed" for ends, state in found.items()}
    assert ran == {(x, y): AIRFLOW[rule]([x, y]) for x, y in product(END, repeat=2)}
    # what doesn't run was held back by its edges, or never submitted.
    assert set(found.values()) <= {"Completed", "NotReady" if rule == "none_failed" else None}


@pytest.mark.parametrize("rule", sorted(set(AIRFLOW) - set(AT_ONCE) - {"always"}))
def test_a_rule_waits_for_all(prefect_server: None, rule: str) -> None:
    order = []
    fails = rule == "all_failed"

    @task
    def slow() -> State[None] | None:
        time.sleep(0.2)
        order.append("a")
        if fails:
            raise ValueError("on purpose")
        return Completed(name="Skipped") if rule == "all_skipped" else None

    @task
    def after() -> None:
        order.append("c")

    def body() -> None:
        end = {"all_failed": "Failed", "all_skipped": "Skipped"}.get(rule, "Completed")
        setup = good.submit()
        run(code(rule), a=slow.submit(), b=ended(end), join=after, setup=setup).wait()

    in_a_flow(body)
    assert order == ["a", "c"]


@pytest.mark.parametrize("rule", [*AT_ONCE, "always"])
def test_a_rule_that_does_not_wait(prefect_server: None, rule: str) -> None:
    """The task runs while one of those upstream still waits for it."""
    ran = threading.Event()

    @task
    def slow() -> bool:
        return ran.wait(60)

    @task
    def after() -> None:
        ran.set()

    def body() -> bool:
        a = slow.submit()
        run(code(rule), a=a, b=ended(AT_ONCE.get(rule, "Completed")), join=after)
        return bool(a.result())

    assert in_a_flow(body)


@pytest.mark.parametrize("row", EDGES, ids=lambda row: row[0])
def test_an_edge(prefect_server: None, row: list[str]) -> None:
    """The first table; its states are those of Prefect's server."""
    end, _, plain, allowed, given = (cell.strip("`") for cell in row)
    values = {"the value": "('a value',)", "None": "(None,)"}
    values["the exception"] = "(ValueError('on purpose'),)"

    def body() -> list[PrefectFuture[Any]]:
        a = ended(end)
        futures = [a, join.submit(wait_for=[a]), join.submit(wait_for=[allow_failure(a)])]
        futures += [join.submit(a), join.submit(allow_failure(a))]
        wait(futures)
        assert repr(futures[-1].result()) == values[given]
        return futures

    futures = in_a_flow(body)
    said = [{"runs": "Completed"}.get(word, word) for word in (end, plain, allowed, plain, "runs")]

    def recorded() -> list[str | None]:
        ids = [future.task_run_id for future in futures]
        with get_client(sync_client=True) as client:
            asked = TaskRunFilter(id=TaskRunFilterId(any_=ids))
            states = {
                run.id: run.state_name for run in client.read_task_runs(task_run_filter=asked)
            }
        return [states.get(each) for each in ids]

    wait_for(lambda: recorded() == said, f"{said} on the server", ROOT / "README.md")


@pytest.mark.parametrize(("first_run", "end"), [(False, "Failed"), *product([True], END)])
def test_a_branch(prefect_server: None, first_run: bool, end: str) -> None:
    def body() -> str:
        c = run(block("first_run"), a=ended(end), first_run=first_run)
        c.wait()
        return str(c.state.name)

    passes = not first_run or end in ("Completed", "Skipped")
    assert in_a_flow(body) == ("Completed" if passes else "NotReady")


@pytest.mark.parametrize("fails", [False, True])
def test_mapped_tasks(prefect_server: None, fails: bool) -> None:
    @task
    def double(x: int, y: int) -> int:
        if fails and x == 2:
            raise ValueError("on purpose")
        return x * y

    def body() -> str:
        c = run(block("unmapped"), double=double)
        c.wait()
        return str(c.state.name)

    assert in_a_flow(body) == ("NotReady" if fails else "Completed")


@pytest.mark.parametrize("end", ["Completed", "Failed"])
def test_the_state_of_a_subflow_is_an_edge(prefect_server: None, end: str) -> None:
    @flow
    def subflow() -> Any:
        return ended(end)

    def body() -> str:
        c = join.submit(wait_for=[subflow(return_state=True)])
        c.wait()
        return str(c.state.name)

    assert in_a_flow(body) == ("Completed" if end == "Completed" else "NotReady")


def test_how_a_flow_ends(prefect_server: None) -> None:
    @flow
    def returns(what: str) -> Any:
        a = bad.submit()
        c = join.submit(wait_for=[a])
        anyway = join.submit(wait_for=[allow_failure(a)])
        wait([a, c, anyway])
        return {"nothing": None, "all": [a, c, anyway], "held back": c, "the last": anyway}[what]

    ends = dict.fromkeys(("nothing", "all", "held back", "the last"), "")
    for what in ends:
        state: State[Any] = returns(what, return_state=True)  # type: ignore[assignment]
        ends[what] = str(state.name)
    assert (ends["nothing"], ends["the last"]) == ("Completed", "Completed")
    assert (ends["all"], ends["held back"]) == ("Failed", "Failed")


def test_what_was_held_back_has_no_result(prefect_server: None) -> None:
    def body() -> None:
        c = ended("NotReady")
        c.wait()
        assert c.state.is_pending()
        with pytest.raises(UnfinishedRun):
            c.result()

    in_a_flow(body)


def test_a_retry_is_waited_for(prefect_server: None) -> None:
    tries = []

    @task(retries=1)
    def flaky() -> None:
        tries.append(1)
        if len(tries) == 1:
            raise ValueError("on purpose")

    def body() -> str:
        c = join.submit(wait_for=[flaky.submit()])
        c.wait()
        return str(c.state.name)

    assert in_a_flow(body) == "Completed"


def test_the_size_of_the_truth_table() -> None:
    assert f"true and false; {len(test_gate.ROWS)} rows" in PAGE.replace("\n", " ")
