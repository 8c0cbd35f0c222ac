"""Hypothesis strategies for dirty sources of the five entities, and for a whole run of them.

NUL characters and broken UTF-8 are left out: they are errors, not rows.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

from hypothesis import strategies as st

from tests.generators_files import Cell, Raw, csv_files, json_files
from tests.generators_values import KEYS, NOTHING, cells, decorated
from tests.oracle import ENTITIES, Table, read, tabulate

PUBLISHED = {
    "customers": "customer_id,name,Gender,DATE of biRTH,signup_date,email,address",
    "agents": "iD,NamE,experience,state",
    "call_logs": "call ID,customeR iD,COMPLAINT_catego ry,agent ID,call_start_time,call_end_time,"
    "resolutionstatus,callLogsGenerationDate",
    "sm_complaints": "complaint_id,customeR iD,COMPLAINT_catego ry,agent ID,resolutionstatus,"
    "request_date,resolution_date,media_channel,MediaComplaintGenerationDate",
    "web_complaints": "request_id,customeR iD,COMPLAINT_catego ry,agent ID,resolutionstatus,"
    "request_date,resolution_date,webFormGenerationDate",
}
INDEX = {"web_complaints": "column1"}  # elsewhere without a name
EXTRAS = ["note", "zip_code", "Request Date ", "run_date", "source_row", "record", "Größe €", "a,b"]
STYLES: list[Callable[[str], str]] = [
    str,
    str,
    str.upper,
    str.lower,
    str.swapcase,
    " ".join,
    "“{}”:\u00a0".format,
    "\n_{}-".format,
]
JSON_LITERALS = [
    *["1319", "1319.0", "13e2", "-0", "0.10", "123456789012345678901234567890", "1E+400"],
    *["true", "false", "NaN", "Infinity", "1763632800000", "1763632800123456"],
]
JSON_NESTED = ['{"a" : [1.50, "é\\n", null, false], "b":{}}', "[]", "[NaN]", '["Payments"]', "{}"]
MOST_ROWS = 12


@dataclass(frozen=True)
class Source:
    """A file's bytes, or a web-forms table's columns and rows of text."""

    entity: str
    data: bytes = b""
    header: tuple[str, ...] = ()
    rows: tuple[tuple[str | None, ...], ...] = ()

    def table(self) -> Table:
        """What the oracle reads in it."""
        if self.header:
            return tabulate(self.entity, self.header, self.rows)
        return read(self.entity, self.data)


@dataclass(frozen=True)
class AllSources:
    """The sources of a run date."""

    customers: Source
    agents: Source
    complaints: tuple[Source, Source, Source]


@st.composite
def all_sources(draw: st.DrawFn) -> AllSources:
    """Customers, agents, and complaints that mostly refer to them."""
    customers, agents = draw(sources("customers", fewest=3)), draw(sources("agents", fewest=3))
    call_logs, social, web = (
        draw(sources(entity.name, keys(customers), keys(agents)))
        for entity in ENTITIES.values()
        if entity.is_complaint
    )
    return AllSources(customers, agents, (call_logs, social, web))


def keys(source: Source) -> list[str]:
    """The keys in a source, as they are written there."""
    key = ENTITIES[source.entity].key
    return [value for row in source.table().rows if (value := row[key]) and value.strip()]


@st.composite
def sources(
    draw: st.DrawFn,
    entity: str,
    customers: Sequence[str] = (),
    agents: Sequence[str] = (),
    fewest: int = 0,
) -> Source:
    """A dirty source; complaints mostly refer to these customers and agents."""
    rows = draw(_rows(entity, customers, agents, fewest))
    names = PUBLISHED[entity].split(",")
    published = tabulate(entity, names, [names]).rows[0]
    by_name = {name: column for column, name in published.items() if name}

    style = draw(st.sampled_from(STYLES))
    header = [style(name) for name in names]
    grid = [[row[by_name[name]] for row in rows] for name in names]  # by column
    for extra in draw(st.lists(st.sampled_from(EXTRAS), max_size=2, unique=True)):
        if extra.strip().lower().replace(" ", "_") not in ENTITIES[entity].rules:
            values = st.sampled_from(["x", "", None, "y,\nz", "2025-11-20"])
            header.append(extra)
            grid.append([draw(values) for _ in rows])
    if draw(st.integers(0, 3)) == 3:
        order = draw(st.permutations(range(len(header))))
        header, grid = [header[place] for place in order], [grid[place] for place in order]
    if draw(st.booleans()):
        header.insert(0, INDEX.get(entity, ""))
        grid.insert(0, [str(number) for number in range(len(rows))])

    lines = [[column[number] for column in grid] for number in range(len(rows))]
    if entity == "web_complaints":
        return Source(entity, header=tuple(header), rows=tuple(map(tuple, lines)))
    write = json_files if entity == "sm_complaints" else csv_files
    return Source(entity, draw(write(header, lines)))


@st.composite
def _rows(
    draw: st.DrawFn, entity: str, customers: Sequence[str], agents: Sequence[str], fewest: int
) -> list[dict[str, Cell]]:
    """Rows by canonical column; some repeat an earlier one, with or without a change."""
    columns = _columns(entity, tuple(customers), tuple(agents))
    whole = st.fixed_dictionaries(columns)
    rows: list[dict[str, Cell]] = []
    for _ in range(draw(st.integers(fewest, MOST_ROWS))):
        if rows and draw(st.integers(0, 3)) == 3:
            row = dict(draw(st.sampled_from(rows)))
            for column in draw(st.lists(st.sampled_from(list(columns)), max_size=2)):
                row[column] = draw(_dressed(row[column]) | columns[column])
        else:
            row = draw(whole)
        rows.append(row)
    return rows


@cache  # hypothesis looks through each new strategy before it draws from it
def _columns(
    entity: str, customers: tuple[str, ...], agents: tuple[str, ...]
) -> dict[str, st.SearchStrategy[Cell]]:
    """What an entity's columns may hold."""
    contract = ENTITIES[entity]
    columns = {column: cells(rule) for column, rule in contract.rules.items()}
    columns[contract.key] = _references(KEYS)
    if contract.is_complaint:
        columns["customer_id"] = _references(customers or KEYS)
        columns["agent_id"] = _references(agents or KEYS)
    if entity == "sm_complaints":
        columns = {column: _in_json(column, values) for column, values in columns.items()}
    return columns


def _references(known: Sequence[str]) -> st.SearchStrategy[Cell]:
    """Keys: mostly these, some unknown, some missing."""
    pool = st.sampled_from(known)
    odd = decorated(pool) | st.sampled_from(KEYS) | st.sampled_from(NOTHING)
    return st.integers(0, 9).flatmap(lambda dice: odd if dice == 9 else pool)


def _dressed(value: Cell) -> st.SearchStrategy[Cell]:
    """The same value once stripped, otherwise written."""
    return decorated(st.just(value)) if value and value.strip() else st.sampled_from(NOTHING)


def _in_json(column: str, values: st.SearchStrategy[Cell]) -> st.SearchStrategy[Cell]:
    """Values of JSON: numbers and booleans too, and nested ones in two columns."""
    literals = list(JSON_LITERALS)
    if column in ("complaint_category", "media_channel"):
        literals += JSON_NESTED
    return st.integers(0, 9).flatmap(
        lambda dice: st.sampled_from(literals).map(Raw) if dice == 9 else values
    )
