"""What the file system says, as errors that people can read."""

import errno
import os
import re

from blocks.errors import ConfigurationError, CoreTelecomsError, SourceMissingError, TerminalError


def from_disk(error: Exception, where: str) -> CoreTelecomsError | None:
    """One of ours for what the file system said, through Python or Polars; None for any other."""
    if isinstance(error, CoreTelecomsError):
        return None
    number = error.errno if isinstance(error, OSError) else None
    if number is None and (said := re.search(r"\(os error (\d+)\)", str(error))):
        number = int(said.group(1))  # Polars has the number only in its text
    if number in (errno.ENOSPC, errno.EDQUOT):
        return TerminalError(
            "The disk is full",
            where=where,
            todo="free space, then run again: what was there before is intact",
        )
    if number in (errno.EACCES, errno.EPERM, errno.EROFS):
        return ConfigurationError(
            f"The file system refused: {os.strerror(number).lower()}",
            where=where,
            todo="give the user that runs the pipeline the right to read "
            "(and, in the lake, to write) there",
        )
    if number in (errno.ENOTDIR, errno.EEXIST, errno.EISDIR):
        return ConfigurationError(
            "A file stands where a folder should be, or a folder where a file should be",
            where=where,
            todo="fix the path, or move what is there",
        )
    if number == errno.ENOENT:
        return SourceMissingError(
            "The file does not exist",
            where=where,
            todo="check the folder and the run date, or wait for the file and run again",
        )
    return None
