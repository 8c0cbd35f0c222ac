"""In which shape a source lies there: one object or a folder of parts, packed or not."""

from dataclasses import dataclass

from blocks.errors import ConfigurationError, SourceMissingError
from blocks.stores.store import Store
from tasks.reading.source import unreadable

FORMATS = {
    ".csv": "csv",
    ".json": "json",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".parquet": "parquet",
}
PACKED = (".gz", ".zst")
# Parquet packs its own pages.
ENDINGS = {
    ending + packed: (kind, packed)
    for ending, kind in FORMATS.items()
    for packed in ("", *PACKED)
    if not (packed and kind == "parquet")
}

# where Spark and Hadoop keep what they haven't put in its place yet.
_UNFINISHED = "_temporary"


@dataclass(frozen=True)
class Shape:
    """The objects of a source, in the order in which they are read."""

    key: str  # of the object, or of the folder with its slash
    parts: tuple[str, ...]

    @property
    def is_folder(self) -> bool:
        return self.key.endswith("/")


def ending(name: str) -> str:
    """The ending of a name by which its format is known, or nothing.

    >>> ending("a/Part-1.c000.snappy.parquet"), ending("x.csv.GZ"), ending("x.txt"), ending("csv")
    ('.parquet', '.csv.GZ', '', '')
    """
    lowered = name.rpartition("/")[2].lower()
    found = max((e for e in ENDINGS if lowered.endswith(e)), key=len, default="")
    return name[len(name) - len(found) :]


def find(store: Store, key: str, *, exact: bool = False) -> Shape:
    """The shape in which the source of this key is there: docs/contract.md#shapes.

    `exact`: the key's ending isn't one of several that are looked for. Nothing found gives the key
    itself. Raises SourceUnreadableError when there are two shapes, or a folder without parts;
    SourceMissingError while a folder is being written.
    """
    stem = key if exact else key.removesuffix(ending(key))
    endings = {"": key, **dict.fromkeys([] if exact else ENDINGS, "")}
    try:
        names = store.keys(stem)
    except ConfigurationError:
        return Shape(key, (key,))  # may not list: it may still read
    shapes: dict[str, list[str]] = {}
    for name in names:
        rest, slash, inside = name[len(stem) :].partition("/")
        if rest.lower() not in endings or not (slash or exact or rest):
            continue
        if inside.startswith(f"{_UNFINISHED}/"):
            raise SourceMissingError(
                "The folder is still being written: not all of its parts are there",
                where=store.uri(stem + rest + slash),
                todo=f"wait until its writer is done; if that has died, remove {_UNFINISHED} "
                "there and let it write again",
            )
        parts = shapes.setdefault(stem + rest + slash, [])
        # what Spark and Hadoop put there for themselves, and a folder's own mark.
        if not slash or (inside and not any(p.startswith(("_", ".")) for p in inside.split("/"))):
            parts.append(name)
    if len(shapes) > 1:
        raise unreadable(
            "The source is there in two shapes, and may not be read twice",
            " and ".join(map(store.uri, shapes)),
            "remove the one that isn't meant",
        )
    for shape, parts in shapes.items():
        if not parts:
            raise unreadable("The folder holds no part", store.uri(shape))
        return Shape(shape, tuple(parts))
    return Shape(key, (key,))
