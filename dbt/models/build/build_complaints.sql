{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        on_schema_change='fail',
        post_hook='analyze {{ this }}',
    )
}}
-- depends_on: {{ ref('dim_customers') }}
-- depends_on: {{ ref('dim_agents') }}
-- depends_on: {{ ref('build_run_dates') }}

{% set facts = before_this_build('fct_complaints') %}
{% set lifecycles = before_this_build('fct_complaint_lifecycle') %}
{% if not facts or not lifecycles %}

select
    {{ complaint_key() }} as complaint_key,
    channel,
    complaint_id,
    min(run_date) as first_run_date,
    max(run_date) as last_run_date,
    null::date as complaint_date,
    null::text as customer_id
from {{ ref('int_complaint_history') }}
group by channel, complaint_id

{% else %}
{% set run_dates = complaint_run_dates_to_build() %}
{% set newest = build_state_date(
    'max(run_date) filter (where not is_static and loaded_at is not null)'
) %}
{% set newest_before = build_state_date(
    'max(run_date) filter (where not is_static and built_loaded_at is not null)'
) %}

with reported as (

    -- what the changed run dates say now
    select
        channel,
        complaint_id,
        min(run_date) as first_run_date,
        max(run_date) as last_run_date
    from {{ ref('int_complaint_history') }}
    where run_date in ({{ run_dates }})
    group by channel, complaint_id

),

held as (

    -- what they may have said before: a reload can lose a complaint
    select fct.*
    from {{ facts }} as fct
    where
        fct.last_run_date >= least({{ run_dates }})
        and exists (
            select 1
            from unnest(array[{{ run_dates }}]) as day
            where day between fct.first_run_date and fct.last_run_date
        )

),

{% if static_changed('customers') or static_changed('agents') %}
rekeyed as (

    -- a static refresh can bring a version for days that are already built
    select fct.*
    from {{ facts }} as fct
    left join {{ ref('dim_customers') }} as customer
        on fct.customer_key = customer.customer_key
        and {{ valid_on('customer', 'fct.complaint_date') }}
    left join {{ ref('dim_agents') }} as agent
        on fct.agent_key = agent.agent_key
        and {{ valid_on('agent', 'fct.complaint_date') }}
    where customer.customer_key is null or agent.agent_key is null

),
{% endif %}

overdue as (

    -- a new run date can end the time a complaint had, though nobody reported it
    select fct.*
    from {{ facts }} as fct
    where
        fct.resolution_status is distinct from 'Resolved'
        and fct.complaint_date >= least({{ newest }}, {{ newest_before }}) - {{ sla_days() }}
        and fct.complaint_date < greatest({{ newest }}, {{ newest_before }}) - {{ sla_days() }}

),

touched as (

    select channel, complaint_id, first_run_date, last_run_date from reported
    union all
    select channel, complaint_id, first_run_date, last_run_date from held
    {% if static_changed('customers') or static_changed('agents') %}
    union all
    select channel, complaint_id, first_run_date, last_run_date from rekeyed
    {% endif %}
    union all
    select channel, complaint_id, first_run_date, last_run_date from overdue

),

complaints as (

    select
        {{ complaint_key() }} as complaint_key,
        channel,
        complaint_id,
        min(first_run_date) as first_run_date,
        max(last_run_date) as last_run_date
    from touched
    group by channel, complaint_id

)

select
    complaints.complaint_key,
    complaints.channel,
    complaints.complaint_id,
    least(complaints.first_run_date, fct.first_run_date) as first_run_date,
    greatest(complaints.last_run_date, fct.last_run_date) as last_run_date,
    fct.complaint_date,
    fct.customer_id
from complaints
left join {{ facts }} as fct using (complaint_key)
{% if is_incremental() %}
-- left there by a build that did not complete
except
select * from {{ this }}
{% endif %}

{% endif %}
