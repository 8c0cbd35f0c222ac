"""Prefect's dbt runner for builds that stay in this process: nodes' task runs share its context.

The runner itself treats each node's task run as one on another machine: twice a node it reads
Prefect's settings and builds an HTTP client, TLS set-up included; for its own log lines it builds
the flow's result storage. That was more than half of a build's time.
"""

import threading
from collections.abc import Callable, Collection
from contextvars import copy_context
from functools import wraps
from typing import Any
from uuid import UUID

from dbt.graph import UniqueId
from prefect.context import FlowRunContext, SettingsContext, TaskRunContext
from prefect.states import State
from prefect.task_engine import run_task_sync
from prefect.tasks import Task
from prefect.transactions import BaseTransaction
from prefect_dbt import PrefectDbtRunner
from prefect_dbt.core._tracker import NodeTaskTracker
from prefect_dbt.core.runner import FAILURE_STATUSES

from tasks.held_back import held_back


class InProcessDbtRunner(PrefectDbtRunner):
    """PrefectDbtRunner, the same task runs at a fraction of their cost."""

    def _create_unified_callback(
        self, task_state: NodeTaskTracker, log_level: Any, context: dict[str, Any], **options: Any
    ) -> Any:
        settings = SettingsContext.get()
        assert settings
        # what is validated already is taken as it is.
        shared = {"settings_context": {"profile": settings.profile, "settings": settings.settings}}
        for name, run in (
            ("flow_run_context", FlowRunContext.get()),
            ("task_run_context", TaskRunContext.get()),
        ):
            if run:  # its storage would be made again, which imports every integration first
                shared[name] = context[name] | {"result_store": run.result_store}
        nodes = Nodes(self._behind)
        return super()._create_unified_callback(nodes, log_level, context | shared, **options)

    def _behind(self, node_id: str) -> Collection[str]:
        return self.graph.get_dependent_nodes(UniqueId(node_id))


class Nodes(NodeTaskTracker):
    """Runs each node's task in a thread that inherits the context in which the build began.

    `behind` gives the nodes that a node's failure holds back.
    """

    def __init__(self, behind: Callable[[str], Collection[str]]) -> None:
        super().__init__()
        self._context, self._behind = copy_context(), behind
        # but for the transaction of the task that builds: when that fails, Prefect would roll back
        # what ended in it, and give a held-back node the state RolledBack, which is Completed.
        # It has no public way to leave one.
        self._context.run(BaseTransaction.__var__.set, None)  # type: ignore[arg-type]

    def get_task_run_name(self, node_id: str) -> str:
        """The name that its log lines begin with; the runner itself gives none, and they say None.

        >>> Nodes(list).get_task_run_name("test.coretelecoms.unique_dim_agents_key.ff3177e5ed")
        'test unique_dim_agents_key'
        """
        kind, _, name = node_id.split(".")[:3]
        return f"{kind} {name}"

    def run_task_in_thread(
        self,
        node_id: str,
        task: Task[Any, Any],
        task_run_id: UUID,
        parameters: dict[str, Any],
        context: dict[str, Any],
    ) -> None:
        """Start the task; it ends when its node does, held back when dbt skipped it."""
        execute = task.fn

        @wraps(execute)
        def node(*args: Any, **kwargs: Any) -> Any:
            # a node that started before the runner knew of the failure would be Completed.
            return execute(*args, **kwargs) or self._held_back(node_id)

        task.fn = node

        def run() -> None:
            results = map(self.get_task_result, self.get_node_dependencies(node_id))
            state = run_task_sync(
                task,
                task_run_id=task_run_id,
                # the runner's own tracker is in there, and nothing reports a node's end to it.
                parameters=parameters | {"task_state": self},
                wait_for=[result for result in results if result],
                return_type="state",
            )
            self.set_task_result(node_id, state)

        threading.Thread(target=self._context.copy().run, args=(run,), daemon=True).start()

    def _status(self, node_id: str) -> str:
        found = self.get_node_status(node_id) or {"event_data": {}}
        return str(found["event_data"].get("node_info", {}).get("node_status"))

    def _held_back(self, node_id: str) -> State[Any] | None:
        if self._status(node_id) != "skipped":
            return None
        failed = [n for n in list(self._node_status) if self._status(n) in FAILURE_STATUSES]
        return held_back([self.get_task_run_name(n) for n in failed if node_id in self._behind(n)])
