"""The store at an address: a folder path, `file://` or `s3://bucket/prefix`."""

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from blocks.errors import ConfigurationError
from blocks.stores.local import LocalStore
from blocks.stores.store import Store


def opened(url: str) -> Store:
    """The store at a folder path, `file://` or `s3://bucket/prefix`; AWS_* as boto3 reads them.

    Raises ConfigurationError for any other address.
    """
    if url.startswith("s3:"):
        from blocks.stores.s3 import S3Store

        return S3Store.at(url)
    return LocalStore(folder(url))


def folder(url: str) -> Path:
    """The path of a local address. Raises ConfigurationError for an address that isn't local."""
    if url.startswith("file://"):
        return Path(unquote(urlsplit(url).path))
    if scheme := re.match(r"[A-Za-z][A-Za-z0-9+.-]+(?=://)", url):
        raise ConfigurationError(
            f"Addresses that begin with {scheme.group()}:// can't be read",
            todo="give a folder, or s3://bucket/prefix",
        )
    return Path(url).expanduser().absolute()
