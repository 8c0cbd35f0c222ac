"""What a run will need, looked at without loading: each check returns what it found, or raises."""

import shutil
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from blocks.errors import ConfigurationError, CoreTelecomsError, TerminalError, TransientError
from blocks.stores.store import Store

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

Found = dict[str, str | CoreTelecomsError]
FREE_BYTES = 1 << 30  # the embedded default needs less for a day of samples, more for real ones


def looked_at(
    checks: Mapping[str, Callable[[], str]],
    seconds: float | None = None,
    places: Mapping[str, str] | None = None,
) -> Found:
    """What each check found, or the error that says what is wrong; all at once, in their order.

    A check that takes longer than `seconds` is wrong; `places` are where each one looks.
    """
    found: Found = {}

    def look(name: str, check: Callable[[], str]) -> None:
        try:
            found[name] = check()
        except CoreTelecomsError as error:
            found[name] = error
        except Exception as error:
            # without its text, which may quote a secret.
            found[name] = TerminalError(f"Unexpected {type(error).__name__}", where=name)

    threads = [threading.Thread(target=look, args=each, daemon=True) for each in checks.items()]
    for thread in threads:
        thread.start()
    end = None if seconds is None else time.monotonic() + seconds
    for thread in threads:
        thread.join(None if end is None else max(0, end - time.monotonic()))
    late = {
        name: TransientError(
            "No answer in time",
            where=(places or {}).get(name, name),
            todo="see whether it is slow or can't be reached; --seconds gives it longer",
        )
        for name in checks
    }
    return {name: found.get(name, late[name]) for name in checks}


def line(part: str, said: str | CoreTelecomsError) -> str:
    """A check's outcome for people."""
    return f"{part:<14} {'WRONG' if isinstance(said, CoreTelecomsError) else 'ok':<6} {said}"


def lake(store: Store) -> str:
    """The lake can be listed, written and deleted from: an object is written and deleted."""
    key = f".check/{uuid4().hex}"
    store.check()
    store.write(key, b"written to see whether it can be; it may be deleted")
    store.delete(key)
    return f"{store.url} can be listed, written and deleted from"


def disk(folder: Path) -> str:
    """The volume of a folder has room."""
    free = shutil.disk_usage(folder).free
    if free < FREE_BYTES:
        raise ConfigurationError(
            f"Only {free >> 20:,} MB are free on the volume",
            where=str(folder),
            todo="free space there, or set CORETELECOMS_HOME to a folder on another volume",
        )
    return f"{free >> 30:,} GB are free for {folder}"


def prefect_server() -> str:
    """Prefect's API answers, lets us in, and is not older than Prefect here."""
    import prefect

    from blocks.prefect_api import asking_prefect

    with asking_prefect(), prefect.get_client(sync_client=True) as client:
        where = str(client.api_url)
        cloud = client.server_type.value == "cloud"
        version = "Cloud" if cloud else client.api_version()
        # the version is given to everybody, what is kept only to those who may see it.
        client.read_variables(limit=1)
    if not cloud and _minor(version) < _minor(prefect.__version__):
        raise ConfigurationError(
            f"The server's Prefect {version} is older than {prefect.__version__} here",
            where="PREFECT_API_URL",
            todo="upgrade the server first (docs/runbooks/upgrade.md)",
        )
    return f"Prefect {version} answers" + (f" at {where}" if where.startswith("http") else "")


def _minor(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2])


def schedule(flow: str, platform: str) -> str:
    """A deployment of the flow has the platform, an active schedule and a work pool at work."""
    from prefect import get_client

    from blocks.prefect_api import asking_prefect

    with asking_prefect(), get_client(sync_client=True) as client:
        return _scheduled(client, flow, platform)


def _scheduled(client: "SyncPrefectClient", flow: str, platform: str) -> str:
    from prefect.client.schemas.filters import FlowFilter, FlowFilterName

    deployments = client.read_deployments(flow_filter=FlowFilter(name=FlowFilterName(any_=[flow])))
    ours = [each for each in deployments if each.parameters.get("platform") == platform]
    active = [each for each in ours if not each.paused and any(s.active for s in each.schedules)]
    if not active:
        what = "has an active schedule" if ours else "has this platform"
        raise ConfigurationError(
            f"No deployment of {flow} {what}: nothing starts the daily run of {platform}",
            where="Prefect's deployments",
            todo="prefect deployment schedule resume --all; a deployment that is itself paused has "
            "a switch on its page in Prefect's UI (docs/runbooks/pause.md)"
            if ours
            else "prefect --no-prompt deploy --all (docs/deployment.md)",
        )
    for each in active:
        pool = client.read_work_pool(each.work_pool_name) if each.work_pool_name else None
        status = pool and pool.status and pool.status.value
        if status and status != "READY":
            raise ConfigurationError(
                f"The work pool {each.work_pool_name} is {status}: no worker would start the run",
                where=f"deployment {flow}/{each.name}",
                todo=f"prefect work-pool resume {each.work_pool_name}"
                if status == "PAUSED"
                else f"prefect worker start --pool {each.work_pool_name}",
            )
    names = ", ".join(f"{flow}/{each.name}" for each in active)
    return f"{names} is scheduled, its work pool is ready"
