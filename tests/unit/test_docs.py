"""Pages that follow the code, and the first page, which leads to all others."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def test_the_commands_are_what_the_page_says(tmp_path: Path) -> None:
    """`make commands` writes it again."""
    write = f"import commands; commands.PAGE = commands.Path({str(tmp_path / 'page')!r}); "
    run = subprocess.run(
        [sys.executable, "-c", write + "commands.main()"],
        env={"PYTHONPATH": str(DOCS), "PATH": "/usr/bin:/bin"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    now = (tmp_path / "page").read_text("utf-8")
    assert now == (DOCS / "commands.md").read_text("utf-8"), "run `make commands`, and commit it"


def test_the_first_page_leads_to_every_page() -> None:
    first = (DOCS / "README.md").read_text("utf-8")
    pages = {str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md")} - {"README.md"}
    assert {page for page in pages if f"]({page}" not in first} == set()
