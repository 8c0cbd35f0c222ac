"""Who was erased, remembered in the lake by keyed hashes (docs/contract.md#erasure)."""

import hmac
import json
from collections.abc import Iterable
from dataclasses import dataclass, field

from blocks.errors import ConfigurationError
from blocks.resources import Resources

FILE = "erasures/people.json"
_KEY = "key"  # of the file: a hash by which the key is known again


@dataclass(frozen=True)
class Erasures:
    """The people of some static entities who were erased."""

    hashes: dict[str, frozenset[str]] = field(default_factory=dict)  # by the entity's name
    key: str = field(default="", repr=False)

    def has(self, entity: str, *identity: str) -> bool:
        """Whether a row of the entity is an erased one: by columns, then their values."""
        return _hash(self.key, entity, *identity) in self.hashes.get(entity, ())


def remembered(resources: Resources) -> Erasures:
    """All that the lake remembers. Raises ConfigurationError where the key is missing or another.

    A run that can't know them again would bring them back.
    """
    text = resources.lake.read(FILE)
    if text is None:
        return Erasures()
    found = json.loads(text)
    if not resources.erasure_key or found.pop(_KEY) != _hash(resources.erasure_key, _KEY):
        raise ConfigurationError(
            "The lake remembers erased people by "
            + ("another key than is set" if resources.erasure_key else "a key that is not set"),
            where=resources.lake.uri(FILE),
            todo=f"restore the key that they were erased with in {resources.erasure_key_file}"
            if resources.erasure_key_file
            else "set CORETELECOMS_ERASURE_KEY to the key that they were erased with, and register "
            "the platform again",
        )
    return Erasures({name: frozenset(found[name]) for name in found}, resources.erasure_key)


def known_again(resources: Resources) -> str:
    """That every run will know erased people again. Raises as `remembered` does."""
    return "erased people are known" if remembered(resources).hashes else "nobody was erased"


def remember(entity: str, rows: Iterable[tuple[str, ...]], resources: Resources) -> Erasures:
    """Add columns with values by which rows are known; all that is remembered from here on.

    Whoever calls holds the lock of runs that load static data. Raises ConfigurationError.
    """
    if not resources.erasure_key:
        raise ConfigurationError(
            "There is no key to remember erased people by",
            where=f"the platform {resources.platform}",
            todo="set CORETELECOMS_ERASURE_KEY to a secret of your own, and register the platform "
            "again: every run needs it from then on",
        )
    key, before = resources.erasure_key, remembered(resources).hashes
    added = frozenset(_hash(key, entity, *row) for row in rows)
    hashes = before | {entity: before.get(entity, frozenset()) | added}
    if added - before.get(entity, frozenset()):
        text = {_KEY: _hash(key, _KEY)} | {name: sorted(hashes[name]) for name in hashes}
        resources.lake.write(FILE, json.dumps(text, indent=2).encode())
        return Erasures(hashes, key)
    return Erasures(before, key)


def _hash(key: str, *parts: str) -> str:
    return hmac.digest(key.encode(), "\x1f".join(parts).encode(), "sha256").hex()
