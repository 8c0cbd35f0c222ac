"""The family of errors that people meet: what happened, where, and what to do about it.

Terminal errors need a person or another input, so they are never retried; transient ones may pass.
Messages hold no value of a row (names, e-mails, addresses) and no secret.
"""


class CoreTelecomsError(Exception):
    """An error with a message for people: what happened, where, and what to do."""

    def __init__(self, what: str, *, where: str = "", todo: str = "") -> None:
        self.what, self.where, self.todo = what, where, todo
        parts = [what, where and f"Where: {where}", todo and f"What to do: {todo}"]
        super().__init__(" ".join(_ended(part) for part in parts if part))

    def __reduce__(self) -> tuple[object, ...]:
        # keyword-only arguments don't survive pickle by themselves, and Dask workers pickle errors.
        return _rebuild, (type(self), self.what, self.where, self.todo)


def _ended(sentence: str) -> str:
    """The sentence with its full stop, or its own question mark.

    >>> _ended("The file is empty."), _ended("is its first line a header?")
    ('The file is empty.', 'is its first line a header?')
    """
    return sentence if sentence.endswith("?") else sentence.rstrip(".") + "."


def _rebuild(kind: type[CoreTelecomsError], what: str, where: str, todo: str) -> CoreTelecomsError:
    return kind(what, where=where, todo=todo)


class TerminalError(CoreTelecomsError):
    """Trying again gives the same error: the input, a setting or a person must change first."""


class TransientError(CoreTelecomsError):
    """May pass by itself: tasks retry it."""


class FirstRunVariableError(TerminalError):
    """The first-run Variable holds something that is neither true nor false."""


class RunDateError(TerminalError):
    """The run date is malformed or in the future."""


class RunDateBusyError(TerminalError):
    """Another run is at work on the same run date."""


class SourceMissingError(TerminalError):
    """The source object or table of this run date does not exist."""


class SourceUnreadableError(TerminalError):
    """The source exists, but is not what its extension says: cut off, ragged, wrong encoding."""


class SchemaDriftError(TerminalError):
    """The source's columns are not the contract's: one is missing, renamed or there twice."""


class ConfigurationError(TerminalError):
    """A setting, block, address or credential is missing or wrong."""


class WarehouseBuildError(TerminalError):
    """A dbt model or test failed."""


class StoreUnavailableError(TransientError):
    """The object store did not answer, or asked to slow down."""


class DatabaseUnavailableError(TransientError):
    """The database refused, cut or could not finish a connection or transaction."""
