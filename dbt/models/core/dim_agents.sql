{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        on_schema_change='fail',
        pre_hook="{{ delete_all_if_static_changed('agents') }}",
        post_hook="{{ analyze_if_whole() }}",
        indexes=[{'columns': ['agent_id']}],
    )
}}
-- depends_on: {{ ref('build_run_dates') }}

with versions as (

    {{ versions_by_run_date(ref('snap_agents'), 'agent_id', 'experience') }}

),

agents as (

    select * from {{ ref('stg_agents') }}

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
inner join agents on versions.agent_id = agents.agent_id
{% if is_incremental() and not static_changed('agents') %}
where false
{% endif %}
