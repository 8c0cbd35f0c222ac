"""Call-log days of any size, with the customers and agents they refer to: input for measuring.

    python -m bench.generate --rows 1000000 --out build/bench

The same arguments give the same bytes; `--dirty` is the share of rows of each kind of dirt.
"""

import argparse
from collections.abc import Sequence
from datetime import date, datetime, time
from pathlib import Path

import polars as pl

from tasks.entities.contracts import AGENTS, CALL_LOGS, CUSTOMERS

CHUNK = 250_000
CATEGORIES = ("Technician Support", "Network Failure", "Router Delivery", "Payments")
STATUSES = ("Resolved", "Backlog", "In-Progress", "Blocked")


def pick(n: int, salt: int) -> pl.Expr:
    """A number below n for each row, by the row's number alone."""
    return (pl.col("row").hash(seed=salt) % n).cast(pl.Int64)


def choice(values: Sequence[str], salt: int) -> pl.Expr:
    """One of the values for each row, by the row's number alone."""
    return pick(len(values), salt).replace_strict(range(len(values)), list(values))


def _dirty(share: float, salt: int) -> pl.Expr:
    return pick(1_000_000, salt) < round(share * 1_000_000)


def call_logs(
    path: Path,
    rows: int,
    run_date: date,
    customers: int,
    agents: int,
    dirty: float,
    first_call: int = 0,
) -> None:
    """Write a call-log day: about 120 bytes a row, with the labels of the real source."""
    path.parent.mkdir(parents=True, exist_ok=True)
    start = pl.lit(datetime.combine(run_date, time())) + pl.duration(seconds=pick(86_000, 3))
    category = choice(CATEGORIES, 4)
    status = choice(STATUSES, 5)
    number = pl.when(_dirty(dirty, 20)).then(pl.col("row") + 1).otherwise(pl.col("row"))
    columns = {
        "": pl.col("row"),
        "call ID": pl.format("call-{}-{}", number, number.hash(8) % 10**6),
        "customeR iD": pl.format("{}", 10**6 + pick(customers, 1)),
        "COMPLAINT_catego ry": pl.when(_dirty(dirty, 21))
        .then(category.str.to_uppercase() + " ")
        .otherwise(category),
        "agent ID": pl.format("{}", 1000 + pick(agents, 2)),
        "call_start_time": start.dt.strftime("%Y-%m-%d %H:%M:%S"),
        "call_end_time": pl.when(_dirty(dirty, 22))
        .then(pl.lit("not a time"))
        .otherwise((start + pl.duration(seconds=pick(3000, 6))).dt.strftime("%Y-%m-%d %H:%M:%S")),
        "resolutionstatus": pl.when(_dirty(dirty, 23)).then(pl.lit("Unknown")).otherwise(status),
        "callLogsGenerationDate": pl.lit(run_date.isoformat()),
    }
    with path.open("wb") as file:
        for first in range(0, max(rows, 1), CHUNK):
            chunk = range(first_call + first, first_call + min(first + CHUNK, rows))
            numbers = pl.DataFrame({"row": chunk})
            # some rows are their predecessors over again: exact duplicates.
            repeats = pl.when(_dirty(dirty, 24)).then(pl.col("row") - 1).otherwise(pl.col("row"))
            numbers.cast({"row": pl.Int64}).with_columns(row=repeats).select(**columns).write_csv(
                file, include_header=first == 0
            )


def customers_file(path: Path, rows: int) -> None:
    """Write the customers that the call logs refer to."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pl.DataFrame({"row": range(rows)}).select(
        customer_id=pl.format("{}", 10**6 + pl.col("row")),
        name=pl.format("customer number{}", pl.col("row")),
        Gender=choice(("M", "F"), 11),
        **{"DATE of biRTH": pl.lit("1980-02-29")},
        signup_date=pl.lit("2024-05-01"),
        email=pl.format("c{}@gmial.om", pl.col("row")),
        address=pl.format("{} Main Street, Springfield, IL 62704", pl.col("row")),
    ).write_csv(path)


def agents_file(path: Path, rows: int) -> None:
    """Write the agents that the call logs refer to."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pl.DataFrame({"row": range(rows)}).select(
        iD=pl.format("{}", 1000 + pl.col("row")),
        NamE=pl.format("agent number{}", pl.col("row")),
        experience=choice(("Intern", "Junior", "Mid-Level", "Senior"), 12),
        state=choice(("Texas", "ohio", "NY"), 13),
    ).write_csv(path)


def sources(
    out: Path,
    rows: int,
    run_date: date,
    customers: int = 100_000,
    agents: int = 1_000,
    dirty: float = 0.001,
) -> None:
    """Write a call-log day with its customers and agents as a source store."""
    customers_file(out / CUSTOMERS.source_on(run_date), customers)
    agents_file(out / AGENTS.source_on(run_date), agents)
    call_logs(out / CALL_LOGS.source_on(run_date), rows, run_date, customers, agents, dirty)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--run-date", type=date.fromisoformat, default=date(2025, 11, 20))
    parser.add_argument("--customers", type=int, default=100_000)
    parser.add_argument("--agents", type=int, default=1_000)
    parser.add_argument("--dirty", type=float, default=0.001)
    parser.add_argument("--out", type=Path, required=True, help="folder of the source store")
    args = parser.parse_args()
    sources(args.out, args.rows, args.run_date, args.customers, args.agents, args.dirty)


if __name__ == "__main__":
    main()
