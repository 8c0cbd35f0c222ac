{{ config(pre_hook="{{ delete_rebuilt('true') }}") }}

with totals as (

    select
        agent_id,
        sum(complaints)::bigint as complaints,
        sum(resolved)::bigint as resolved,
        sum(days_to_resolve)::bigint as days_to_resolve
    from {{ ref('agg_agent_daily') }}
    group by agent_id

)

select
    agents.agent_id,
    agents.name,
    agents.experience,
    -- an agent without complaints is there, with none of them and no rate
    coalesce(totals.complaints, 0) as complaints,
    coalesce(totals.resolved, 0) as resolved,
    (
        totals.resolved::numeric / nullif(totals.complaints, 0)
    )::numeric(5, 4) as resolution_rate,
    (
        totals.days_to_resolve::numeric / nullif(totals.resolved, 0)
    )::numeric(12, 4) as avg_days_to_resolve
from {{ ref('dim_agents') }} as agents
left join totals on agents.agent_id = totals.agent_id
where agents.is_current
