"""The configuration reference and `.env.example` say what the settings are."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import get_args

import pytest
from dotenv import dotenv_values
from prefect.blocks.core import Block
from pydantic.fields import FieldInfo

from blocks.errors import ConfigurationError
from blocks.platform import Platform
from blocks.settings import Settings, read

ROOT = Path(__file__).parents[2]
REFERENCE = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
EXAMPLE = ROOT / ".env.example"


def table(after: str) -> list[str]:
    """The rows of the table below a heading row."""
    return REFERENCE.partition(after)[2].split("\n\n")[0].strip().splitlines()[1:]


def default(field: FieldInfo) -> str:
    if field.default is None:
        return ""
    return f"`{str(field.default).lower() if field.default in (True, False) else field.default}`"


def test_every_variable_is_in_the_reference() -> None:
    assert table("| variable | default | what it is |") == [
        f"| `CORETELECOMS_{name.upper()}` | {default(field)} | {field.description} |"
        for name, field in Settings.model_fields.items()
    ]


def test_every_field_of_the_block_is_in_the_reference() -> None:
    assert table("| field | holds | block of its own |") == [
        f"| `{name}` | {field.description} | {own(name)} |"
        for name, field in Platform.model_fields.items()
    ]


def own(field: str) -> str:
    kind = Platform.model_fields[field].annotation
    blocks = [k for k in get_args(kind) or [kind] if isinstance(k, type) and issubclass(k, Block)]
    return f"`production-{field.replace('_', '-')}`" if blocks else ""


def test_the_example_explains_every_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"CORETELECOMS_{name.upper()}", raising=False)
    text = EXAMPLE.read_text(encoding="utf-8")
    uncommented = tmp_path / "all.env"
    uncommented.write_text(re.sub(r"(?m)^# (?=[A-Z_]+=)", "", text), encoding="utf-8")
    given = dotenv_values(uncommented)
    ours = {name for name in given if name.startswith("CORETELECOMS_")}
    assert ours == {f"CORETELECOMS_{name.upper()}" for name in Settings.model_fields}
    assert {name for name in given if not name.startswith("AWS_")} == ours
    for paragraph in text.split("\n\n"):
        lines = [line for line in paragraph.splitlines() if not line.startswith("# --")]
        variables = [line for line in lines if re.match(r"(# )?[A-Z_]+=", line)]
        assert variables[:1] != lines[:1] or not lines, f"unexplained: {lines}"

    shown = read(uncommented)
    for name, field in Settings.model_fields.items():
        if field.default is not None:
            assert getattr(shown, name) == field.default, f"another default than {name}'s"


def test_the_example_holds_no_secret() -> None:
    given: Mapping[str, str | None] = dotenv_values(EXAMPLE)
    assert not given["AWS_ACCESS_KEY_ID"]
    assert not given["AWS_SECRET_ACCESS_KEY"]
    assert ":password@" in (given["CORETELECOMS_WAREHOUSE_DSN"] or "")


def test_a_value_that_cannot_be(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CORETELECOMS_BATCH_ROWS", "s3cret")
    monkeypatch.setenv("CORETELECOMS_TASK_RUNNER", "spark")
    with pytest.raises(ConfigurationError) as caught:
        read(tmp_path / ".env")
    assert caught.value.what == (
        "Not a valid value: CORETELECOMS_BATCH_ROWS, CORETELECOMS_TASK_RUNNER"
    )
    assert "s3cret" not in str(caught.value)
