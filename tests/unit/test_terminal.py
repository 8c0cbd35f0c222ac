"""What a person sees of a run: the picture, the plain lines, the words at its end."""

import io
import os
import signal
import subprocess
import sys
import time
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from blocks import temporary_server
from blocks.resources import Resources
from blocks.stores.local import LocalStore
from flows.terminal import afterwards
from flows.terminal.picture import NARROWEST, Picture, load_type
from flows.terminal.show import plain_line
from flows.terminal.silence import IDLE_SECONDS, Silence
from tasks.reporting.progress import Board, Status, Step, board
from tasks.reporting.summary import Summary
from tests import signals

STATIC = [f"{s}_{e}" for s in ("ingest", "transform", "load") for e in ("customers", "agents")]
GATE = "open_static_data_gate"


def seen(picture: Picture, width: int = 80) -> list[str]:
    """The picture's lines, as a terminal of that width shows them."""
    out = io.StringIO()
    Console(file=out, width=width, force_terminal=True, color_system=None).print(picture)
    return out.getvalue().split("\n")


def line(picture: Picture, start: str) -> str:
    return next(text for text in seen(picture) if text.startswith(start))


def stepped(**steps: Status) -> Board:
    board = Board()
    for name, status in steps.items():
        board.start(name)
        if status is not Status.RUNNING:
            board.finish(name, status)
    return board


def test_every_step_has_its_place() -> None:
    text = "\n".join(seen(Picture(Board(), "daily 2025-11-20")))
    for name in ("create_all_tables", "clear_staging", "determine_load_type"):
        assert name in text
    for name in ("customers", "agents", "call_logs", "sm_complaints", "web_complaints"):
        assert f"\n{name} " in text
    for name in ("mark_first_run_complete", "run_dbt", "cleanup_checkpoints", "gate closed"):
        assert name in text


@pytest.mark.parametrize("width", [NARROWEST, 80, 120])
def test_no_line_reaches_the_edge(width: int) -> None:
    """A full line would move the cursor on, and the next picture would not cover this one."""
    board = stepped(**{f"load_{c}": Status.HELD_BACK for c in ("call_logs", "sm_complaints")})
    for name in ("ingest_call_logs", "transform_call_logs", "load_web_complaints", "run_dbt"):
        board.start(name)
        board.add_rows(name, 12_345_678)
        board.steps[name].started = time.monotonic() - 1234.5
    lines = seen(Picture(board, "daily 2025-11-20"), width)
    assert max(map(len, lines)) <= width
    assert len(lines[-2]) < width


def test_rows_and_seconds_of_a_step() -> None:
    board = stepped(ingest_call_logs=Status.RUNNING)
    board.add_rows("ingest_call_logs", 596)
    step = board.steps["ingest_call_logs"]
    step.started, step.ended = 10.0, 12.04
    assert "596  2.0 s" in line(Picture(board, ""), "call_logs")
    board.finish("ingest_call_logs", Status.DONE)
    assert "✔       596" in line(Picture(board, ""), "call_logs")


@pytest.mark.parametrize(
    ("status", "mark"),
    [
        (Status.DONE, "✔"),
        (Status.FAILED, "✘ failed"),
        (Status.HELD_BACK, "■ held back"),
        (Status.RETRYING, "↻ retrying"),
    ],
)
def test_marks(status: Status, mark: str) -> None:
    assert mark in line(Picture(stepped(ingest_agents=status), ""), "agents")


@pytest.mark.parametrize("static_alone", [False, True])
def test_what_a_step_waits_for(static_alone: bool) -> None:
    board = stepped(load_customers=Status.RUNNING)
    said = "waiting for a lock of session 4711 of somebody (a long name of an application, really)"
    board.say("load_customers", said)
    lines = seen(Picture(board, "", static_alone=static_alone))
    assert f"load_customers is {said}" in " ".join(lines)
    first = next(n for n, line in enumerate(lines) if line.startswith("load_customers is "))
    assert max(map(len, lines[first:])) < NARROWEST
    board.finish("load_customers", Status.DONE)
    assert "4711" not in " ".join(seen(Picture(board, "", static_alone=static_alone)))


def test_the_gate() -> None:
    picture = Picture(board := stepped(ingest_customers=Status.RUNNING), "")
    bar = line(picture, "call_logs").index("┃")
    assert "┃ gate closed: static data comes first" in "\n".join(seen(picture))
    board.finish(GATE, Status.DONE)
    assert "╎ gate open" in "\n".join(seen(picture))
    assert line(picture, "call_logs").index("╎") == bar
    board.finish(GATE, Status.HELD_BACK)
    assert "┃ gate stayed closed" in "\n".join(seen(picture))


def test_the_path_taken() -> None:
    board = Board()
    assert load_type(board) == ""
    for name in STATIC:
        board.finish(name, Status.SKIPPED)
    picture = Picture(board, "daily 2025-11-21")
    assert seen(picture)[0].startswith("daily 2025-11-21 · incremental")
    assert "– skipped" in line(picture, "static data")
    board.clear()
    board.start("ingest_customers")
    assert seen(picture)[0].startswith("daily 2025-11-21 · initial")


def test_the_static_path_alone() -> None:
    text = "\n".join(seen(Picture(Board(), "static data 2025-11-20", static_alone=True)))
    assert "customers" in text
    assert "call_logs" not in text
    assert text.count("mark_first_run_complete") == 1


def test_the_clock_stops_at_the_end() -> None:
    picture = Picture(Board(), "")
    picture.end()
    picture.began = float(picture.ended or 0) - 12.34
    assert "12.3 s" in seen(picture)[0]


@pytest.mark.parametrize(
    ("step", "text"),
    [
        (Step("run_dbt", Status.DONE, 77, started=1, ended=9), "77 models and tests  8.0 s"),
        (Step("load_agents", Status.HELD_BACK), "held back  load_agents"),
        (Step("load_agents", Status.FAILED, detail="Why"), "failed     load_agents  Why"),
    ],
)
def test_plain_lines(step: Step, text: str) -> None:
    assert plain_line(step).endswith(text)


@pytest.mark.parametrize("noise", ["", "import os; os.system('echo noise; echo more >&2')"])
def test_the_screen_is_ours(tmp_path: Path, noise: str) -> None:
    """What other processes write is kept from the terminal, and kept for those who look for it."""
    program = f"""
from flows.terminal.screen import Screen
with Screen() as screen:
    screen.file.write("ours\\n")
    {noise}
    print(screen.keep(), file=screen.file)
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"CORETELECOMS_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    kept = tmp_path / "logs" / "output.log"
    assert done.stdout == f"ours\n{kept if noise else None}\n"
    assert done.stderr == ""
    assert (kept.read_text() if noise else "") == ("noise\nmore\n" if noise else "")


def ledger(entity: str, rows: int, **counts: int) -> dict[str, Any]:
    row: dict[str, Any] = {"entity": entity, "inserted": None}
    return (
        row
        | {column: counts.get(column, 0) for column in afterwards.COLUMNS}
        | {
            "rows_read": rows,
            "loaded": rows - counts.get("orphan", 0),
        }
    )


def test_the_ledger_fits_a_narrow_terminal() -> None:
    summary = Summary(
        date(2025, 11, 20),
        [
            ledger("web_complaints", 12_345_678, orphan=123_456, field_problems=123_456),
            ledger("call_logs", 12_345_678),
        ],
    )
    out = io.StringIO()
    Console(file=out, width=80).print(afterwards.ledger_table(summary))
    text = out.getvalue()
    assert "…" not in text
    assert "24,691,356" in text  # the sum


def test_what_was_not_loaded_stands_in_the_ledger() -> None:
    board.expect(["load_agents", "load_call_logs", "load_sm_complaints", "load_web_complaints"])
    board.finish("load_agents", Status.SKIPPED)
    board.finish("load_call_logs", Status.HELD_BACK)
    board.finish("load_sm_complaints", Status.DONE)
    board.finish("load_web_complaints", Status.FAILED)
    missing = afterwards.not_loaded()
    board.clear()
    assert missing == ["call_logs", "web_complaints"]

    summary = Summary(date(2025, 11, 20), [ledger("sm_complaints", 12)])
    out = io.StringIO()
    Console(file=out, width=80).print(afterwards.ledger_table(summary, missing))
    lines = {words[0]: words[1:] for words in map(str.split, out.getvalue().split("\n")) if words}
    assert lines["sm_complaints"] == ["12", "0", "0", "0", "0", "12", "0"]
    assert lines["call_logs"] == lines["web_complaints"] == ["–"] * 7


def places(tmp_path: Path, *, failed: bool, **counts: int) -> dict[str, str]:
    summary = Summary(date(2025, 11, 20), [ledger("call_logs", 10, **counts)])
    store = LocalStore(tmp_path)
    resources = Resources("production", store, store, None, "postgresql://me:pw@db/x", "")
    return afterwards.where_to_look(summary, resources, completed=not failed)


def test_where_to_look(tmp_path: Path) -> None:
    after = places(tmp_path, failed=False, orphan=1, field_problems=1)
    assert "quarantine.records where run_date = '2025-11-20'" in after["Quarantine"]
    assert after["Field problems"].endswith("/problems/<entity>/2025-11-20.parquet")
    assert "analytics" in after["Warehouse"]
    assert "pw" not in after["SQL prompt"]
    clean = places(tmp_path, failed=True)
    assert not {"Quarantine", "Field problems", "Warehouse"} & set(clean)


@pytest.mark.parametrize("closed", ["<&-", ">&-", "<&- >&-"])
def test_streams_that_the_shell_has_closed(closed: str) -> None:
    """Nothing else takes their place, and there is no terminal to ask on."""
    said = shell("-m flows.erase --customer-id 1", "<&- >&-")
    assert "without a terminal to ask on it needs --yes" in said
    assert "Traceback" not in said
    program = (
        "import os, sys; from flows.shared.process import open_streams; open_streams(); "
        "sys.stdout.write(sys.stdin.read()); sys.stdout.flush(); "
        "sys.stderr.write(str(os.open(os.devnull, os.O_RDONLY)))"
    )
    assert shell(f"-c '{program}'", f"</dev/null {closed}") == "3"


def shell(arguments: str, closed: str) -> str:
    """What a program writes on standard error."""
    command = f"exec {sys.executable} {arguments} {closed}"
    return subprocess.run(command, shell=True, capture_output=True, text=True, check=False).stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_a_question_that_is_interrupted(number: signal.Signals) -> None:
    person, terminal = os.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "flows.erase", "--customer-id", "1"],
        stdin=terminal,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=signals.heard,
    ) as process:
        assert process.stderr
        said = ""
        while not said.endswith("go on: "):
            said += process.stderr.read(1)
        process.send_signal(number)
        assert process.stderr.read() == "\nNothing was changed.\n"
    assert process.returncode == 128 + number
    os.close(person)
    os.close(terminal)


def test_a_temporary_server_that_ended_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    board.clear()
    silence = Silence(lambda said: None)
    silence._since = silence._at_work = time.monotonic() - IDLE_SECONDS - 1
    assert not silence.too_long
    with subprocess.Popen(["true"]) as ended:
        ended.wait()
        monkeypatch.setattr(temporary_server, "_process", ended)
        assert silence.too_long
