"""dbt without what it does for nobody here, a tenth of its processor time."""

from functools import cache
from typing import Any


@cache
def spare_dbt() -> None:
    """From here on in this process; but for what its log has of connections and statements, all
    that dbt builds, returns and says stays the same.
    """
    from dbt.adapters.events import types as of_statements
    from dbt_common.behavior_flags import BehaviorFlagRendered
    from dbt_common.events.base_types import BaseEvent, EventLevel
    from dbt_common.events.event_manager import EventManager

    fire = EventManager.fire_event

    def fire_event(self: EventManager, event: BaseEvent, *args: Any, **options: Any) -> None:
        # it makes a message of each event, three for a statement, before it asks who wants it.
        if (
            type(event).__module__ != of_statements.__name__
            or event.level_tag() != EventLevel.DEBUG
        ):
            fire(self, event, *args, **options)

    EventManager.fire_event = fire_event  # type: ignore[assignment, method-assign]
    # it reads the sources of the whole stack to learn which module asks: its own.
    BehaviorFlagRendered._default_source = lambda *_: "dbt"  # type: ignore[method-assign]
