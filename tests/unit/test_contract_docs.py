"""Whoever cites the contract finds the place: docs/contract.md has every anchor that is named."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
CONTRACT = ROOT / "docs" / "contract.md"
CITED = re.compile(r"contract\.md#([A-Za-z0-9_-]+)")


def anchors() -> list[str]:
    return re.findall(r'<a id="([^"]+)"></a>', CONTRACT.read_text("utf-8"))


def tracked() -> Iterator[tuple[str, str]]:
    """Name and text of every file of the repository; pictures have no text."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in filter(None, listed.stdout.split("\0")):
        path = ROOT / name
        if path.is_file() and path.suffix != ".png":
            yield name, path.read_text("utf-8")


def test_every_anchor_that_is_cited_exists() -> None:
    cited = [(name, anchor) for name, text in tracked() for anchor in CITED.findall(text)]
    within = re.findall(r"\]\(#([^)]+)\)", CONTRACT.read_text("utf-8"))
    cited += [("docs/contract.md", anchor) for anchor in within]
    there = set(anchors())
    assert cited
    assert [(name, anchor) for name, anchor in cited if anchor not in there] == []


def test_nothing_cites_a_page_outside_the_repository() -> None:
    elsewhere = re.compile(r"\bDESIG[N]\b")
    assert [name for name, text in tracked() if elsewhere.search(text)] == []


def test_no_anchor_is_there_twice() -> None:
    found = anchors()
    assert sorted(found) == sorted(set(found))
