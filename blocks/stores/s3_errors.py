"""What S3 answers, as errors people can read and retries can sort: boto3's and Polars' alike."""

import re
from typing import Any

from blocks.errors import (
    ConfigurationError,
    CoreTelecomsError,
    SourceMissingError,
    StoreUnavailableError,
    TerminalError,
)

_NO_KEY = {"NoSuchKey", "NotFound", "404"}
# what servers say to a checksum that comes behind the data.
_NO_TRAILERS = {"MissingContentLength", "NotImplemented", "XAmzContentSHA256Mismatch"}
# HEAD answers have no body: botocore gives their status as the code.
_REFUSED = re.compile(
    "400|401|403|AccessDenied|AllAccessDisabled|ExpiredToken|InvalidAccessKeyId|InvalidToken|"
    "RequestTimeTooSkewed|SignatureDoesNotMatch|TokenRefreshRequired"
)
_ELSEWHERE = re.compile(
    "301|307|AuthorizationHeaderMalformed|IllegalLocationConstraintException|PermanentRedirect"
)
# PreconditionFailed: the object changed while it was being read.
_BUSY = re.compile(
    "InternalError|OperationAborted|PreconditionFailed|RequestLimitExceeded|RequestTimeout|"
    "ServiceUnavailable|SlowDown|Throttling|ThrottlingException"
)


def answered(code: str, status: int, where: str) -> CoreTelecomsError:
    """The error for an S3 error code and HTTP status.

    >>> type(answered("SlowDown", 503, "s3://lake/a")).__name__
    'StoreUnavailableError'
    """
    if code == "NoSuchBucket":
        bucket = where.removeprefix("s3://").partition("/")[0]
        return ConfigurationError(
            f"The bucket {bucket} does not exist",
            where=where,
            todo="fix the bucket's name in CORETELECOMS_SOURCE_URL, CORETELECOMS_LAKE_URL or the "
            "platform block (and AWS_ENDPOINT_URL, if you use one), or create the bucket",
        )
    if code in _NO_KEY:
        return SourceMissingError(
            "The object does not exist",
            where=where,
            todo="check the address and the run date, or wait for the object and run again",
        )
    if code in _NO_TRAILERS or status in (411, 501):
        return ConfigurationError(
            f"The S3 server does not take a request as it was sent ({_answer(code, status)}), most "
            "likely its checksum",
            where=where,
            todo="set AWS_REQUEST_CHECKSUM_CALCULATION=when_required (the default here), and take "
            "request_checksum_calculation out of the platform block and ~/.aws/config",
        )
    if _BUSY.fullmatch(code) or status >= 500 or status == 429:
        return StoreUnavailableError(
            f"S3 could not answer now ({_answer(code, status)})",
            where=where,
            todo="run again later: nothing was half written",
        )
    if _ELSEWHERE.fullmatch(code):
        return ConfigurationError(
            f"The bucket is in another region than the requests went to ({_answer(code, status)})",
            where=where,
            todo="set AWS_DEFAULT_REGION, or the region in the platform block, to the bucket's",
        )
    if _REFUSED.fullmatch(code) or status in (401, 403):
        return ConfigurationError(
            f"S3 refused access ({_answer(code, status)}): the credentials are wrong, expired or "
            "lack the permission",
            where=where,
            todo="check the AWS_* variables or the platform block's AWS credentials, and that they "
            "may list, read and (in the lake) write and delete; S3 also answers so for an object "
            "that does not exist when s3:ListBucket is not granted",
        )
    return TerminalError(
        f"S3 rejected the request ({_answer(code, status)})",
        where=where,
        todo="check the address and the endpoint",
    )


def _answer(code: str, status: int) -> str:
    return f"{status}" if code in ("", str(status)) else f"{code}, {status}"


def from_boto(error: Exception, where: str) -> CoreTelecomsError | None:
    """One of ours for an error of boto3, botocore or s3transfer; None for any other."""
    import boto3.exceptions
    import botocore.exceptions as botocore
    from s3transfer.exceptions import RetriesExceededError

    if isinstance(error, botocore.ClientError):
        answer: Any = error.response
        code = str(answer.get("Error", {}).get("Code", ""))
        return answered(code, answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0), where)
    if isinstance(error, boto3.exceptions.RetriesExceededError | RetriesExceededError):
        return _unreachable("after retries", where)
    if isinstance(
        error, botocore.HTTPClientError | botocore.ConnectionError | botocore.IncompleteReadError
    ):
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            return _not_trusted(where)
        return _unreachable(type(error).__name__, where)
    if isinstance(error, botocore.NoCredentialsError):
        return not_set_up("There are no AWS credentials", where)
    if isinstance(error, botocore.BotoCoreError):
        # a profile, region, endpoint or credential source that boto3 can't use.
        return not_set_up(f"boto3 could not be set up ({type(error).__name__})", where)
    return None


def _not_trusted(where: str) -> ConfigurationError:
    return ConfigurationError(
        "The S3 endpoint's certificate could not be verified",
        where=where,
        todo="for a certificate authority of your own set AWS_CA_BUNDLE (boto3) and SSL_CERT_FILE "
        "(Polars) to its file",
    )


def _unreachable(kind: str, where: str) -> StoreUnavailableError:
    return StoreUnavailableError(
        f"S3 did not answer, or the connection was cut ({kind})",
        where=where,
        todo="check the network and AWS_ENDPOINT_URL, if you use one, then run again",
    )


def not_set_up(what: str, where: str) -> ConfigurationError:
    """Credentials, profile, region or endpoint are missing or wrong."""
    return ConfigurationError(
        what,
        where=where,
        todo="check the AWS_* variables (key, secret, profile, region, endpoint) or the platform "
        "block's AWS credentials",
    )


def from_polars(error: Exception, where: str) -> CoreTelecomsError | None:
    """One of ours for an error of Polars' own object store; None for any other.

    Polars has no error classes for it: what S3 said is in the text.
    """
    text = str(error)
    if "object-store error" not in text and "error sending request" not in text:
        return None
    if "invalid peer certificate" in text:
        return _not_trusted(where)
    code = re.search(r"<Code>(\w+)</Code>", text)
    status = re.search(r"status code: (\d{3})", text)
    if code or status:
        return answered(
            code.group(1) if code else status.group(1) if status else "",
            int(status.group(1)) if status else 0,
            where,
        )
    if "redirect" in text:
        return answered("PermanentRedirect", 301, where)
    if isinstance(error, FileNotFoundError):
        return answered("NoSuchKey", 404, where)
    if isinstance(error, PermissionError):
        return answered("AccessDenied", 403, where)
    return _unreachable("HTTP error", where)
