"""What Prefect's API answers, or its silence, as one of our errors: by status and type."""

import ssl
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from blocks.errors import ConfigurationError, CoreTelecomsError, TransientError
from blocks.server import api
from blocks.temporary_server import did_not_start, switched_off

_TEMPORARY_SERVER = "prefect/server/api/server.py"
_PASSING = (408, 425, 429)  # and all from 500 on


def error_of(error: BaseException) -> CoreTelecomsError | None:
    """The same error for people; None for one that has nothing to do with Prefect's API."""
    where = f"PREFECT_API_URL={api()}"
    if isinstance(error, httpx.HTTPStatusError):
        status = error.response.status_code
        if status in (401, 403):
            return ConfigurationError(
                f"Prefect's API refused access ({status})",
                where=where,
                todo="set PREFECT_API_AUTH_STRING to the server's user:password, or "
                "PREFECT_API_KEY for Prefect Cloud (prefect cloud login)",
            )
        if status in _PASSING or status >= 500:
            return TransientError(
                f"Prefect's API could not answer ({status})", where=where, todo="run again"
            )
    elif isinstance(error, httpx.TransportError):
        if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in _causes(error)):
            return ConfigurationError(
                "The certificate of Prefect's API is not trusted",
                where=where,
                todo="set PREFECT_API_SSL_CERT_FILE to the file of the authority that signed it",
            )
        return TransientError(
            "Prefect's API does not answer",
            where=where,
            todo="start it (make server) and run again, or unset PREFECT_API_URL to run on a "
            "temporary server",
        )
    return None


def unreachable(error: Exception) -> CoreTelecomsError | None:
    """Why a run could not begin, if that is Prefect's API; None for any other error."""
    found = [ours for cause in _causes(error) if (ours := error_of(cause))]
    if api():
        return found[0] if found else None
    if off := switched_off():
        return off
    frames = traceback.extract_tb(error.__traceback__)
    if not found and not frames[-1].filename.endswith(_TEMPORARY_SERVER):
        return None
    return did_not_start()


@contextmanager
def asking_prefect() -> Iterator[None]:
    """Turn what Prefect's API answers within the block, or its silence, into our errors."""
    try:
        yield
    except Exception as error:
        if ours := error_of(error) or unreachable(error):
            raise ours from None
        if isinstance(error, httpx.HTTPError):
            raise TransientError(
                f"Prefect's API could not answer ({type(error).__name__})",
                where="PREFECT_API_URL",
                todo="run again",
            ) from None
        raise


def _causes(error: BaseException) -> list[BaseException]:
    found: list[BaseException] = []
    cause: BaseException | None = error
    while cause and cause not in found:
        found.append(cause)
        cause = cause.__cause__ or cause.__context__
    return found
