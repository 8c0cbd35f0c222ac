"""The documentation's commands, run as they stand in README, quick start and runbooks.

A block fenced as `sh` is run, line by line, unless a comment above it says why not:
`<!-- not run: needs a Slack workspace -->`. Blocks without a language are what one sees.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from prefect.settings import PREFECT_API_URL
from prefect.variables import Variable

from tasks.gate import FIRST_RUN

ROOT = Path(__file__).parents[2]
PAGES = [
    ROOT / "README.md",
    ROOT / "docs" / "quick-start.md",
    *sorted((ROOT / "docs" / "runbooks").glob("*.md")),
]
EVERY_PAGE = [
    page
    for folder in ("*", "docs/**/*", "findings/*", "tests/*")
    for page in ROOT.glob(f"{folder}.md")
]
STAMPS = ("uv", "run", "dev")  # of the Makefile: what is installed
BLOCK = re.compile(r"(?:<!-- not run: (?P<why>.+?) -->\n+)? *```sh\n(?P<text>.*?)```", re.DOTALL)


@dataclass(frozen=True)
class Command:
    """A command of a page; `why_not` it isn't run."""

    page: Path
    text: str
    why_not: str | None


def commands() -> list[Command]:
    """Every command once, in the order of the pages; continued lines are one."""
    found: dict[str, Command] = {}
    for page in PAGES:
        for block in BLOCK.finditer(page.read_text()):
            for line in block["text"].replace("\\\n", " ").splitlines():
                text = " ".join(line.partition(" #")[0].split())
                if text:
                    found.setdefault(text, Command(page, text, block["why"]))
    return list(found.values())


RUN = [command for command in commands() if not command.why_not]


@pytest.fixture(scope="module")
def checkout() -> Iterator[Path]:
    """A folder that looks like a fresh clone in which `make run` has installed what it needs."""
    # not under pytest's folder, which is closed to PostgreSQL when root runs the tests.
    with TemporaryDirectory(prefix="coretelecoms-", ignore_cleanup_errors=True) as folder:
        clone = Path(folder)
        for entry in ROOT.iterdir():
            if entry.name not in (".venv", ".coretelecoms", ".env"):
                (clone / entry.name).symlink_to(entry)
        venv = clone / ".venv"
        venv.mkdir()
        for entry in Path(sys.prefix).iterdir():
            if entry.name not in STAMPS:
                (venv / entry.name).symlink_to(entry)
        for stamp in STAMPS:
            (venv / stamp).touch()
        yield clone


@pytest.fixture(scope="module")
def environment(prefect_server: None, checkout: Path) -> Iterator[dict[str, str]]:
    """A newcomer's surroundings, but for Prefect's server, which is the tests' one."""
    # `make test ARGS=…` hands its ARGS to every make below it, in both of these variables.
    unset = re.compile("CORETELECOMS_|PREFECT_|AWS_|VIRTUAL_ENV|MAKEFLAGS|ARGS$")
    kept = {name: value for name, value in os.environ.items() if not unset.match(name)}
    Variable.unset(FIRST_RUN)
    yield kept | {
        "PATH": f"{checkout / '.venv' / 'bin'}:{os.environ['PATH']}",
        "PREFECT_API_URL": PREFECT_API_URL.value() or "",
        "PREFECT_HOME": str(checkout / "prefect"),
    }
    Variable.unset(FIRST_RUN)


@pytest.fixture(scope="module")
def server_up(checkout: Path) -> Iterator[None]:
    """PostgreSQL stays up between the commands: each would start and stop it."""
    from blocks import embedded

    embedded.start(checkout / ".coretelecoms")
    yield
    embedded.start.cache_clear()


@pytest.mark.parametrize("command", RUN, ids=lambda command: command.text)
def test_command(
    command: Command, checkout: Path, environment: dict[str, str], server_up: None
) -> None:
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command.text],
        cwd=checkout,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command.page.name}: {command.text}\n{done.stdout}{done.stderr}"
    if command.text.startswith("make run"):
        assert done.stderr == ""
    if command.text == "make dbt-docs":
        page = checkout / ".coretelecoms/dbt/target/static_index.html"
        assert "fct_complaint_lifecycle" in page.read_text("utf-8")


def test_there_are_commands() -> None:
    texts = {command.text for command in RUN}
    assert "make run" in texts
    assert len({command.page for command in RUN}) >= 5


def test_links_lead_somewhere() -> None:
    link = re.compile(r"\]\((?!https?:|#)([^)#]+)")
    broken = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in EVERY_PAGE
        for target in link.findall(page.read_text())
        if not (page.parent / target).exists()
    ]
    assert broken == []


def test_links_into_a_page_find_their_heading() -> None:
    link = re.compile(r"\]\(([^)#:]*\.md)#([^)]+)\)")
    broken = [
        f"{page.relative_to(ROOT)}: {target}#{anchor}"
        for page in EVERY_PAGE
        for target, anchor in link.findall(page.read_text())
        if anchor not in anchors(page.parent / target)
    ]
    assert broken == []


def anchors(page: Path) -> set[str]:
    """Ids of a page: those that it sets, and those that GitHub gives its headings."""
    text = page.read_text()
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    slugs = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    return slugs | set(re.findall(r'<a id="([^"]+)">', text))


def test_make_targets_exist() -> None:
    """Those that are named anywhere, in commands that aren't run and in sentences, too."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {
        (page.name, target)
        for page in EVERY_PAGE
        for target in re.findall(r"`make ([a-z-]+)", page.read_text())
    }
    assert {(page, target) for page, target in named if target not in targets} == set()
