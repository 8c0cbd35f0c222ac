"""What is wrong with Prefect's API is told apart by status and type, and names what to set."""

import ssl

import httpx
import pytest
from prefect.settings import (
    PREFECT_API_URL,
    PREFECT_SERVER_EPHEMERAL_ENABLED,
    temporary_settings,
)

from blocks import temporary_server
from blocks.errors import ConfigurationError, TerminalError, TransientError
from blocks.prefect_api import asking_prefect, error_of
from flows import check
from tasks.stage import stage

REQUEST = httpx.Request("GET", "http://127.0.0.1:4200/api/variables")


def answered(status: int) -> httpx.HTTPError:
    return httpx.HTTPStatusError("", request=REQUEST, response=httpx.Response(status))


def untrusted() -> httpx.HTTPError:
    error = httpx.ConnectError("")
    error.__cause__ = OSError()
    error.__cause__.__context__ = ssl.SSLCertVerificationError()
    return error


@pytest.mark.parametrize(
    ("error", "kind", "names"),
    [
        (answered(500), TransientError, "500"),
        (answered(503), TransientError, "503"),
        (answered(429), TransientError, "429"),
        (httpx.ReadTimeout(""), TransientError, "does not answer"),
        (httpx.ConnectError(""), TransientError, "make server"),
        (untrusted(), ConfigurationError, "PREFECT_API_SSL_CERT_FILE"),
        (answered(401), ConfigurationError, "PREFECT_API_AUTH_STRING"),
        (answered(403), ConfigurationError, "PREFECT_API_KEY"),
    ],
)
def test_a_task_that_meets_it(error: Exception, kind: type[Exception], names: str) -> None:
    with pytest.raises(kind, match=names), stage("determine_load_type"):
        raise error


@pytest.mark.parametrize("error", [answered(404), answered(422), ValueError(), OSError()])
def test_what_is_not_its_doing_stays_a_defect(error: Exception) -> None:
    assert error_of(error) is None
    with pytest.raises(TerminalError, match="defect"), stage("determine_load_type"):
        raise error


def test_no_server_is_named_and_none_may_be_started() -> None:
    def ask() -> None:
        with asking_prefect():
            raise ValueError  # what Prefect's client makes of it

    settings = {PREFECT_API_URL: None, PREFECT_SERVER_EPHEMERAL_ENABLED: False}
    with temporary_settings(settings):
        for said in (temporary_server.start, check._of_prefect("local")["prefect"], ask):
            with pytest.raises(ConfigurationError, match="PREFECT_API_URL"):
                said()
