select
    agent_id,
    name,
    experience,
    state,
    run_date,
    last_changed_at
from {{ source('conformed', 'agents') }}
