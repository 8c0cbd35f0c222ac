"""The pages on surprises name what is there: each script once, and no test that has gone."""

import os
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPTS = sorted((ROOT / "findings").glob("*.sh"))
TABLE = (ROOT / "findings" / "README.md").read_text()
PAGE = (ROOT / "docs" / "surprises.md").read_text()
CITED = re.findall(r"`(test_\w+)` in \[[^]]+\]\(\.\./(tests/[^)]+)\)", PAGE)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_a_finding_stands_in_both_tables_and_can_be_run(script: Path) -> None:
    assert TABLE.count(f"]({script.name}) |") == 1
    assert PAGE.count(f"](../findings/{script.name})") == 1
    assert os.access(script, os.X_OK)


def test_no_row_names_a_script_that_is_gone() -> None:
    assert {*re.findall(r"\]\((\w+\.sh)\)", TABLE)} == {script.name for script in SCRIPTS}


def test_there_are_citations() -> None:
    assert CITED


@pytest.mark.parametrize(("test", "path"), CITED)
def test_a_test_that_is_cited_exists(test: str, path: str) -> None:
    assert re.search(rf"^(async )?def {test}\(", (ROOT / path).read_text(), re.MULTILINE)
