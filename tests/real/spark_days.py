"""Writes days with Spark in every way that is read: `spark_days.py DAYS.json FOLDER`.

Runs in a process of its own, with pyspark and nothing of ours.
"""

import json
import sys
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession  # type: ignore[import-not-found]
from pyspark.sql.functions import col, convert_timezone, lit  # type: ignore[import-not-found]


def frame(spark: SparkSession, kinds: dict[str, str], rows: list[list[str | None]]) -> DataFrame:
    """Typed rows; as after a filter the first partition has none, and yet a part is written."""
    context = spark.sparkContext
    parts = context.parallelize([], 1).union(context.parallelize(rows, 3))
    text = spark.createDataFrame(parts, ", ".join(f"`{name}` string" for name in kinds))
    return text.select(*(col(f"`{name}`").cast(kind).alias(name) for name, kind in kinds.items()))


def write(calls: DataFrame, complaints: DataFrame, folder: Path) -> None:
    """A folder for each way, named by it."""
    moments = ("call_start_time", "call_end_time")
    floats = calls.withColumn("agent ID", col("`agent ID`").cast("double"))
    local = calls.withColumns({m: convert_timezone(None, lit("UTC"), m) for m in moments})
    doubled = {"header": True, "escape": '"'}

    calls.write.csv(f"{folder}/as it is.csv", header=True)
    calls.write.csv(f"{folder}/quotes doubled.csv", **doubled)
    calls.write.csv(f"{folder}/packed.csv", compression="gzip", **doubled)
    calls.coalesce(1).write.csv(f"{folder}/one part.csv", **doubled)
    floats.write.csv(f"{folder}/floats.csv", **doubled)
    calls.write.parquet(f"{folder}/as it is.parquet")
    calls.write.parquet(f"{folder}/zstd.parquet", compression="zstd")
    floats.write.parquet(f"{folder}/floats.parquet")
    local.write.parquet(f"{folder}/without a zone.parquet")
    calls.write.json(f"{folder}/as it is.json")
    calls.limit(0).write.csv(f"{folder}/no row.csv", header=True)
    calls.limit(0).write.parquet(f"{folder}/no row.parquet")
    calls.limit(0).write.json(f"{folder}/no row.json")
    complaints.write.json(f"{folder}/complaints.json")
    complaints.write.json(f"{folder}/packed complaints.json", compression="gzip")
    complaints.write.parquet(f"{folder}/complaints.parquet")


def main(days: str, folder: str) -> None:
    """Write all of it, in a session whose zone isn't UTC."""
    spark = (
        SparkSession.builder.master("local[2]")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.session.timeZone", "Asia/Kolkata")
        .getOrCreate()
    )
    given = json.loads(Path(days).read_text(encoding="utf-8"))
    write(**{name: frame(spark, *day) for name, day in given.items()}, folder=Path(folder))
    spark.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
