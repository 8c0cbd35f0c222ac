"""Errors travel as data: every view shows their fields, whatever the texts in them look like."""

import asyncio
import io
import pickle
from dataclasses import asdict
from typing import Any

import pytest
from markdown_it import MarkdownIt
from prefect.states import Completed, Crashed, Failed, Pending, State
from rich.console import Console

from blocks.errors import GATE, LONGEST, Failure, RunFailedError, TerminalError, one_line
from flows.terminal import afterwards
from tasks import slack
from tasks.outcome import concluded, error_of
from tasks.reporting.markdown import escaped

TEXTS = {
    "ends in a question": "is its first line a header?",
    "looks like another part": "load_x failed: Gone. Where: here. What to do: wait. Held back: y.",
    "several lines": "the columns are\n- `a`\r\n- b",
    "markdown": "**bold** _it_ ~~no~~ `code` [a](http://b) <b> &amp; | # \\* ![x](y)",
    "slack": "*bold* _it_ ~no~ <!channel> <http://x|y> &lt; @here",
    "rich": "[bold]x[/bold] [/]",
    "a terminal's own": "\x1b[31mred\x1b[0m \x07 \u202eleft \x00",
    "no Unicode": "call\udcff.csv",
    "long": "label" * 200_000,
}


def failed(text: str) -> RunFailedError:
    error = TerminalError(f"a {text}", where=f"b {text}", todo=f"c {text}")
    return RunFailedError([*RunFailedError.of(error, "load_x").failures], ["run_dbt"])


@pytest.fixture(params=TEXTS.values(), ids=TEXTS)
def text(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def shown(text: str) -> str:
    """A text as a sentence shows it."""
    line = one_line(text)
    return line if line.endswith("?") else line.rstrip(".") + "."


def sentences(text: str) -> list[str]:
    return [
        f"load_x failed: {shown(f'a {text}')}",
        f"Where: {shown(f'b {text}')}",
        f"What to do: {shown(f'c {text}')}",
        "Held back: run_dbt.",
        "Fix the cause, then run the same date again: static and daily loads repeat safely.",
    ]


def test_a_line_is_short_and_printable(text: str) -> None:
    line = one_line(text)
    assert len(line) < LONGEST + 50
    assert line.isprintable()


def test_the_message(text: str) -> None:
    assert str(failed(text)) == " ".join(sentences(text))


def test_the_terminal(text: str) -> None:
    out = io.StringIO()
    afterwards.failed(Console(file=out, width=80), failed(text))
    first, *rest = sentences(text)
    assert out.getvalue().split("\n") == [f"✘ {first}", *(f"  {line}" for line in rest), ""]


def test_slack(text: str) -> None:
    first, where, todo, held, _ = sentences(text)
    said = slack.failure("daily failed", failed(text), "http://page")
    assert said.split("\n") == ["❌ daily failed", f"{first} {where}", held, todo, "http://page"]


def test_markdown(text: str) -> None:
    """A Markdown reader sees the text, and no markup."""
    (opening, inline, _) = (
        MarkdownIt("commonmark")
        .enable(["table", "strikethrough"])
        .parse(f"x {escaped(one_line(text))}")
    )
    assert opening.type == "paragraph_open"
    assert {token.type for token in inline.children or ()} <= {"text", "text_special"}
    assert "".join(token.content for token in inline.children or ()) == f"x {one_line(text)}"


DAY = RunFailedError([Failure("load_x", "Cut", "db", "wait")], ["run_dbt"])
EVERYTHING = RunFailedError(
    [
        Failure("load_agents", "Gone?", "a.csv", "ask"),
        Failure("run_dbt", "Killed", ended="crashed"),
    ],
    ["transform_agents", GATE, "transform_call_logs", "run_dbt"],
    gate_closed=True,
    days={"2025-11-20": DAY},
    counts="1 of 2 days completed",
)


def test_all_there_is_to_say() -> None:
    assert [text for _, text in EVERYTHING.lines()] == [
        "1 of 2 days completed; failed: 2025-11-20.",
        "load_agents failed: Gone?",
        "Where: a.csv.",
        "What to do: ask.",
        "run_dbt crashed: Killed.",
        "2025-11-20: load_x failed: Cut.",
        "Where: db.",
        "What to do: wait.",
        "Held back: run_dbt.",
        "Held back: transform_agents.",
        "The gate stayed closed: no complaint was transformed or loaded, dbt did not run.",
        "Fix the cause, then run the same date again: static and daily loads repeat safely.",
    ]


def test_it_survives_pickle() -> None:
    """Dask's workers and Prefect's results pickle errors."""
    again = pickle.loads(pickle.dumps(EVERYTHING))
    assert (asdict(again), str(again)) == (asdict(EVERYTHING), str(EVERYTHING))


def known(state: State[Any], step: str = "") -> dict[str, Any]:
    return asdict(asyncio.run(error_of(state, step)))


def test_a_run_that_failed_gives_its_error_back() -> None:
    state: State[Any] = asyncio.run(
        concluded(
            {
                "ingest_a": Failed(data=TerminalError("Gone?", where="a.csv", todo="ask")),
                "static_data": Failed(data=RunFailedError([Failure("load_x", "Cut")], ["load_y"])),
                GATE: Pending(),
                "load_a": Pending(),
                "ingest_b": Completed(),
            }
        )
    )
    assert state.is_failed()
    assert known(state) == asdict(
        RunFailedError(
            [Failure("ingest_a", "Gone?", "a.csv", "ask"), Failure("load_x", "Cut")],
            ["load_y", GATE, "load_a"],
            gate_closed=True,
        )
    )


@pytest.mark.parametrize(
    ("state", "failure"),
    [
        (Crashed(message="Killed\nby 9"), Failure("x", "Killed by 9", ended="crashed")),
        (Crashed(), Failure("x", "no reason given", ended="crashed")),
        (Failed(message="It said."), Failure("x", "It said.")),
    ],
)
def test_states_without_an_error_of_ours(state: State[Any], failure: Failure) -> None:
    assert known(state, "x") == asdict(RunFailedError([failure]))


def test_an_error_nobody_foresaw_keeps_its_text() -> None:
    """It may quote a row."""
    state: State[Any] = Failed(message="m", data=ValueError("jane@example.com"))
    (failure,) = known(state)["failures"]
    assert "Unexpected builtins.ValueError" in failure["what"]
    assert "jane" not in str(failure)
