"""Values of JSON as the file spells them, and what they are as text."""

import json
from collections import Counter
from typing import Any


class _Number(str):
    """A number or constant as the file spells it."""


def _constant(name: str) -> _Number | None:
    return None if name == "NaN" else _Number(name)  # what pandas has for nothing


class Object(dict[str, Any]):
    """An object that knows the names it holds more than once."""

    twice: tuple[str, ...] = ()


def _object(pairs: list[tuple[str, Any]]) -> Object:
    found = Object(pairs)
    if len(found) < len(pairs):
        found.twice = tuple(
            name for name, times in Counter(n for n, _ in pairs).items() if times > 1
        )
    return found


# numbers as the file spells them, and objects that know what they hold twice.
DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=_Number, parse_int=_Number, parse_constant=_constant
)


def as_text(value: Any) -> str | None:
    """A string as it is, null as None, everything else as compact JSON."""
    if value is None or type(value) is str:
        return value
    return _compact(value)


def _compact(value: Any) -> str:
    """A value as compact JSON; numbers as the file spells them."""
    if isinstance(value, _Number):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{_compact(k)}:{_compact(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_compact, value)) + "]"
    return json.dumps(value, ensure_ascii=False)
