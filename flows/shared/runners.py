"""Where a run's tasks go: threads of the flow's process, or the workers of a Dask cluster."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner

from blocks.errors import ConfigurationError
from blocks.settings import settings

WORKERS, THREADS = 2, 2  # of the local cluster: its processes, and threads in each


class _Chosen(ThreadPoolTaskRunner[Any]):
    """The task runner that the settings name, looked up when a flow begins.

    Each flow run works with a duplicate of its flow's task runner.
    """

    def duplicate(self) -> TaskRunner[Any]:  # type: ignore[override]
        """Raises ConfigurationError."""
        return task_runner()


CHOSEN: TaskRunner[Any] = _Chosen()


def task_runner() -> TaskRunner[Any]:
    """The task runner that CORETELECOMS_TASK_RUNNER names. Raises ConfigurationError."""
    config = settings()
    if config.task_runner == "threads":
        return ThreadPoolTaskRunner()
    try:
        from prefect_dask import DaskTaskRunner
    except ImportError:
        raise ConfigurationError(
            "Dask is not installed",
            where="CORETELECOMS_TASK_RUNNER=dask",
            todo="install the extra `dask` (pip install prefect-dask), or use threads",
        ) from None
    if config.dask_address:
        return DaskTaskRunner(address=config.dask_address)
    return DaskTaskRunner(cluster_class=_shared)  # type: ignore[arg-type]


@contextmanager
def _shared() -> Iterator[Any]:
    """The process's own cluster, which a flow and its subflows share."""
    yield _local_cluster()


@cache
def _local_cluster() -> Any:
    import dask
    from distributed import LocalCluster
    from prefect.client.orchestration import get_client

    # its look at all threads' frames deadlocks CPython 3.11 now and then (dask/distributed#8616);
    # drop with Python 3.11.
    dask.config.set({"distributed.worker.profile.enabled": False})
    # the run's Prefect server: without it each worker would start one of its own, which outlives
    # it. Prefect reads it when it is imported, so it is there before a worker starts.
    with get_client(sync_client=True) as client:
        url = str(client.api_url).rstrip("/")
    dask.config.set({"distributed.nanny.pre-spawn-environ.PREFECT_API_URL": url})
    # ends with the process.
    return LocalCluster(
        n_workers=WORKERS, threads_per_worker=THREADS, processes=True, dashboard_address=None
    )
