"""A run under the eyes of a person: its graph live, then what happened and where to look next."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.live import Live

from blocks.server import api, keep_to_one_connection
from blocks.settings import settings
from flows.terminal import interrupt
from flows.terminal.picture import MARKS, NARROWEST, Picture, what, where_prefect_is
from flows.terminal.picture_days import PictureOfDays
from flows.terminal.screen import Screen
from flows.terminal.silence import Silence
from tasks.entities.contracts import complaints_on
from tasks.reporting.progress import Status, Step, board, days

GONE_SECONDS = 2.0  # for the libraries' ends, when the server that they would tell is gone

if TYPE_CHECKING:
    from prefect.states import State

    from blocks.errors import RunFailedError


def show(run: Callable[[], Any], given: Any, *, plain: bool) -> int:
    """Run a flow under the eyes of a person; its exit code."""
    board.clear()
    picture = _picture(given)
    with Screen(json=given.json) as screen:
        console = fitting(screen, plain or given.json)
        watch = watching(console, picture)

        def interrupted() -> None:
            watch.__exit__(None, None, None)
            board.listener = days.listener = None  # tasks go on for a while: no more of that
            console.print(
                f"Interrupted. {_loaded()}What was loaded is whole; run it again to go on.",
                soft_wrap=True,
            )

        noise, gone = None, False
        silence = Silence(lambda said: _say(console, picture, said))
        # runs of a deployment go on elsewhere: flows/shared/deployed.py waits for them longer.
        elsewhere = bool(getattr(given, "deployment", None))
        try:
            with watch, interrupt.handled(interrupted):
                keep_to_one_connection()
                with silence:
                    state, error = interrupt.in_a_thread(
                        lambda: asyncio.run(_ended(run)),
                        given_up=lambda: silence.too_long and not elsewhere,
                    )
            name, message = str(state.name), state.message or ""
        except interrupt.GivenUpError:
            gone, error = True, _gone()
            if said := _loaded():
                board.note(said.rstrip())
            name, message = "Failed", str(error)
        except Exception as unforeseen:
            error = _unforeseen(unforeseen)
            if said := _loaded():
                board.note(f"{said}Prefect's server doesn't know how the run ended.")
            name, message = "Failed", str(error)
        picture.end()
        if error:
            noise = screen.keep()
        from flows.terminal import afterwards, as_json

        afterwards.say(console, given, message, error, picture.seconds, noise)
        if screen.out:
            as_json.write(screen.out, given, name, message, error, picture.seconds)
        code = 1 if error else 0
        return interrupt.leave(code, GONE_SECONDS) if gone else interrupt.leave(code)


def _say(console: Console, picture: Picture | PictureOfDays, said: str) -> None:
    picture.said = said
    if not console.is_terminal:
        console.print(f"{'waiting':<9}  {said}", soft_wrap=True)


def _gone() -> "RunFailedError":
    """Why a run is not waited for any longer, after the steps that failed by themselves."""
    from blocks.errors import Failure, RunFailedError

    failed = [s for s in list(board.steps.values()) if s.status is Status.FAILED]
    steps = [Failure(step.name, step.detail, "", "") for step in failed]
    silent = Failure(
        "",
        "Prefect's API no longer answers: its server doesn't know how the run ended",
        f"PREFECT_API_URL={api()}" if api() else "the run's own temporary server",
        "look above for what is loaded, and run again" + (" once the API answers" if api() else ""),
    )
    return RunFailedError([*steps, silent])


def _loaded() -> str:
    """What the run has loaded by now, as a sentence; empty for nothing."""
    done = [step.name for step in list(board.steps.values()) if step.status is Status.DONE]
    loaded = [name.removeprefix("load_") for name in done if name.startswith("load_")]
    return f"Loaded: {', '.join(loaded)}. " if loaded else ""


async def _ended(run: Callable[[], Any]) -> "tuple[State[Any], RunFailedError | None]":
    """A run's final state, and why it failed if it did."""
    state: State[Any] = await run()
    from tasks.outcome import error_of

    return state, None if state.is_completed() else await error_of(state)


def fitting(screen: Screen, plain: bool) -> Console:
    """A console for the live picture, or for plain lines where it can't be shown."""
    console = Console(file=screen.file, highlight=False)
    if plain or console.is_dumb_terminal or console.width < NARROWEST:
        return Console(file=screen.file, highlight=False, width=120, force_terminal=False)
    return console


def watching(console: Console, picture: Picture | PictureOfDays) -> AbstractContextManager[Any]:
    """Show the run's steps while the block goes on."""
    if console.is_terminal:
        return Live(
            picture,
            console=console,
            refresh_per_second=10,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def line(step: Step) -> None:
        if step.status not in (Status.RUNNING, Status.WAITING) or step.detail:
            console.print(plain_line(step), soft_wrap=True, style=_style(step))

    console.print(f"{'starting':<9}  {picture.title}, {where_prefect_is()}", soft_wrap=True)
    picture.board.listener = line
    if isinstance(picture, PictureOfDays):

        def line_of_build(step: Step) -> None:
            if step is picture.build:
                line(step)

        picture.run.listener = line_of_build
    return nullcontext()


def plain_line(step: Step) -> str:
    """A step that ended, in one line.

    >>> plain_line(Step("ingest_agents", Status.DONE, rows=69, started=1.0, ended=1.5))
    'done       ingest_agents  69 rows  0.5 s'
    """
    parts = [f"{step.status:<9}", step.name]
    if step.rows:
        parts.append(f"{step.rows:,} {what(step)}")
    if step.seconds is not None:
        parts.append(f"{step.seconds:.1f} s")
    if step.detail:
        parts.append(step.detail)
    return "  ".join(parts)


def _style(step: Step) -> str:
    return MARKS[step.status][1] if step.status is Status.FAILED else ""


def _picture(given: Any) -> Picture | PictureOfDays:
    if hasattr(given, "start"):
        of = f"{given.start or 'first'} to {given.end or 'last'}"
        if given.quarantined:
            title = "replay of quarantine" + (f", {of}" if given.start or given.end else "")
            return PictureOfDays(days, title, run=board, unit="freed")
        return PictureOfDays(days, f"backfill {of}", run=board)
    if hasattr(given, "remembered"):
        return PictureOfDays(days, "erasure", run=board, unit="erased", of="places")
    if hasattr(given, "replace"):
        return PictureOfDays(days, "rebuild", run=board, of="steps")
    static_alone = not hasattr(given, "refresh_static")
    name = "static data" if static_alone else "daily"
    channels = complaints_on(given.run_date)
    of_samples = given.platform == "local" and not settings().source_url
    title = f"{name} {given.run_date}{' · sample data' if of_samples else ''}"
    return Picture(board, title, static_alone=static_alone, channels=channels)


def _unforeseen(error: Exception) -> "RunFailedError":
    """An error that no flow run could hold: there was none."""
    from blocks.errors import CoreTelecomsError, RunFailedError
    from blocks.prefect_api import unreachable
    from tasks.stage import unexpected

    if isinstance(error, CoreTelecomsError):
        return RunFailedError.of(error)
    return RunFailedError.of(unreachable(error) or unexpected(error))
