"""What Prefect's API answers, or its silence, as one of our errors: by status and type."""

import ssl

import httpx
from prefect.settings import get_current_settings

from blocks.errors import ConfigurationError, CoreTelecomsError, TransientError

_PASSING = (408, 425, 429)  # and all from 500 on


def error_of(error: BaseException) -> CoreTelecomsError | None:
    """The same error for people; None for one that has nothing to do with Prefect's API."""
    where = f"PREFECT_API_URL={_without_login(get_current_settings().api.url or '')}"
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


def _causes(error: BaseException) -> list[BaseException]:
    found: list[BaseException] = []
    cause: BaseException | None = error
    while cause and cause not in found:
        found.append(cause)
        cause = cause.__cause__ or cause.__context__
    return found


def _without_login(url: str) -> str:
    scheme, there, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}{there}{host.rpartition('@')[2]}{slash}{path}"
