{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        on_schema_change='fail',
        pre_hook="{{ delete_rebuilt(rebuilt_complaints()) }}",
        post_hook="{{ analyze_if_whole() }}",
        indexes=[
            {'columns': ['complaint_date']},
            {'columns': ['resolution_date']},
            {'columns': ['last_run_date']},
            {'columns': ['customer_id', 'complaint_date']},
        ],
    )
}}
-- depends_on: {{ ref('build_complaints') }}

with history as (

    {{ rebuilt_history() }}

),

latest as (

    select distinct on (channel, complaint_id)
        *,
        min(run_date) over complaint as first_run_date,
        -- a later report may have left out when the complaint was made
        coalesce(
            (
                array_agg(request_date) filter (where request_date is not null)
                over complaint
            )[1],
            min(generation_date) over complaint,
            min(run_date) over complaint
        ) as complaint_date
    from history
    window complaint as (
        partition by channel, complaint_id
        order by run_date desc
        rows between unbounded preceding and unbounded following
    )
    order by channel, complaint_id, run_date desc

)

select
    {{ complaint_key('latest.channel', 'latest.complaint_id') }} as complaint_key,
    latest.channel,
    latest.complaint_id,
    customer.customer_key,
    agent.agent_key,
    latest.customer_id,
    latest.agent_id,
    latest.complaint_date,
    {{ date_key('latest.complaint_date') }} as complaint_date_key,
    latest.complaint_category,
    latest.resolution_status,
    latest.resolution_date,
    latest.media_channel,
    latest.call_start_time,
    latest.call_end_time,
    latest.first_run_date,
    latest.run_date as last_run_date
from latest
left join {{ ref('dim_customers') }} as customer
    on latest.customer_id = customer.customer_id
    and {{ valid_on('customer', 'latest.complaint_date') }}
left join {{ ref('dim_agents') }} as agent
    on latest.agent_id = agent.agent_id
    and {{ valid_on('agent', 'latest.complaint_date') }}
