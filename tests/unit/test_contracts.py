"""The declarations: what they may say, and that nothing but them says it."""

import ast
from dataclasses import fields, replace
from datetime import date
from pathlib import Path

import pytest
import yaml

from blocks import samples
from blocks.errors import SchemaDriftError
from blocks.resources import Resources
from tasks.entities import contracts
from tasks.entities.columns import match_columns
from tasks.entities.contracts import (
    AGENTS,
    CALL_LOGS,
    COMPLAINTS,
    CUSTOMERS,
    ENTITIES,
    STATIC,
    WEB_COMPLAINTS,
)
from tasks.entities.model import Entity, Field, File, Table

ROOT = Path(__file__).parents[2]
SINCE = date(2025, 11, 21)
BEFORE = date(2025, 11, 20)


def test_static_entities_refer_to_none_and_were_always_there() -> None:
    """Their source has no date of its own, and they load in the order of their declaration."""
    for entity in STATIC:
        assert entity.is_static
        assert not entity.references
        assert entity.since is None


def test_complaints_refer_to_static_entities() -> None:
    for entity in COMPLAINTS:
        assert set(entity.references.values()) == set(STATIC)


@pytest.mark.parametrize("entity", ENTITIES.values(), ids=ENTITIES)
def test_a_declaration_names_what_is_there(entity: Entity) -> None:
    names = [f.name for f in entity.fields]
    assert entity.key in names
    assert {f.not_before for f in entity.fields if f.not_before} <= set(names)
    assert {d.of for d in entity.derived} <= set(names)
    assert len(set(entity.columns)) == len(names) + len(entity.derived)
    if isinstance(entity.source, File) and entity.source.setting:
        assert entity.source.setting in {f.name for f in fields(Resources)}


def test_derived_columns_are_as_personal_as_what_they_come_from() -> None:
    """docs/contract.md#personal"""
    of_address = ("zip_code", "state_code", "state")
    assert CUSTOMERS.personal == ("name", "date_of_birth", "email", "address", *of_address)
    assert AGENTS.personal == ("name",)
    assert not any(entity.personal for entity in COMPLAINTS)


def test_dbt_has_every_channel() -> None:
    project = yaml.safe_load((ROOT / "dbt/dbt_project.yml").read_text("utf-8"))
    assert project["vars"]["channels"] == {e.name: e.channel for e in COMPLAINTS}


def test_registration_checks_the_declared_places() -> None:
    """`blocks` can't read the declarations: what it checks is held to them here."""
    assert isinstance(WEB_COMPLAINTS.source, Table)
    assert WEB_COMPLAINTS.source.schema == samples.WEB_FORMS_SCHEMA
    assert AGENTS.source.name == samples.AGENTS_FILE


@pytest.mark.parametrize(
    "module",
    sorted(path for folder in ("flows", "tasks") for path in (ROOT / folder).rglob("*.py")),
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_only_the_declarations_name_an_entity_or_a_column(module: Path) -> None:
    if module.name in ("contracts.py", "model.py"):  # the words of the rules
        return
    own = {name for entity in ENTITIES.values() for name in (entity.name, *entity.columns)}
    own -= {"name", "state"}  # words of their own
    texts = [n.value for n in ast.walk(ast.parse(module.read_text("utf-8"))) if _is_text(n)]  # type: ignore[attr-defined]
    assert own.isdisjoint(texts)


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def test_a_field_is_asked_for_since_its_date() -> None:
    grown = replace(CALL_LOGS, fields=(*CALL_LOGS.fields, Field("store", since=SINCE)))
    published = [f.name for f in CALL_LOGS.fields]
    assert "store" not in match_columns(grown, BEFORE, published, "here").positions
    early = match_columns(grown, BEFORE, [*published, "Store"], "here")
    assert "store" not in early.positions
    assert early.unexpected == ("Store",)
    assert match_columns(grown, SINCE, [*published, "Store"], "here").positions["store"] == 8
    with pytest.raises(SchemaDriftError, match="missing store"):
        match_columns(grown, SINCE, published, "here")


def test_a_channel_is_asked_for_since_its_date(monkeypatch: pytest.MonkeyPatch) -> None:
    late = replace(CALL_LOGS, name="late", since=SINCE)
    monkeypatch.setattr(contracts, "COMPLAINTS", (CALL_LOGS, late))
    assert contracts.complaints_on(BEFORE) == (CALL_LOGS,)
    assert contracts.complaints_on(SINCE) == (CALL_LOGS, late)
