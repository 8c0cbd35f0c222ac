"""dbt without what it does for nobody here, a fifth of its processor time."""

from functools import cache
from typing import Any


@cache
def spare_dbt() -> None:
    """From here on in this process; what dbt builds, returns, warns of and logs stays the same,
    but for debug lines in its log.
    """
    from dbt_common.behavior_flags import BehaviorFlagRendered
    from dbt_common.events.base_types import BaseEvent, EventLevel
    from dbt_common.events.event_manager import EventManager

    fire = EventManager.fire_event

    def fire_event(
        self: EventManager,
        event: BaseEvent,
        level: EventLevel | None = None,
        *args: Any,
        **options: Any,
    ) -> None:
        # it makes a message of each event, three for a statement, before it asks who wants it.
        if (level or event.level_tag()) != EventLevel.DEBUG:
            fire(self, event, level, *args, **options)

    EventManager.fire_event = fire_event  # type: ignore[assignment, method-assign]
    # it reads the sources of the whole stack to learn which module asks: its own.
    BehaviorFlagRendered._default_source = lambda *_: "dbt"  # type: ignore[method-assign]
