{{
    config(
        pre_hook="{{ delete_rebuilt(rebuilt_versions('agents', 'agent_id')) }}",
        post_hook="{{ analyze_if_changed('agents', 'agent_id') }}",
        indexes=[{'columns': ['agent_id']}],
    )
}}
-- depends_on: {{ ref('build_run_dates') }}

with versions as (

    {{ versions_with_validity('agents', 'agent_id') }}

)

select
    {{ version_key('versions.agent_id') }} as agent_key,
    versions.agent_id,
    agents.name,
    versions.experience,
    agents.state,
    versions.valid_from,
    versions.valid_to,
    versions.valid_to is null as is_current
from versions
inner join {{ ref('stg_agents') }} as agents on versions.agent_id = agents.agent_id
