select
    agent_id,
    experience,
    valid_from as takes_effect_on
from {{ source('conformed', 'agents_versions') }}
