"""Signals, for tests of what they do to a process."""

import signal


def heard() -> None:
    """For `preexec_fn`: what `nohup` starts, or a script with `&`, ignores some of them, and so do
    the processes that it starts.
    """
    for each in (signal.SIGINT, signal.SIGHUP):
        signal.signal(each, signal.SIG_DFL)
