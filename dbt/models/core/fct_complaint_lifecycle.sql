{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        on_schema_change='fail',
        pre_hook="{{ delete_rebuilt(rebuilt_complaints()) }}",
        post_hook="{{ analyze_if_whole() }}",
        indexes=[{'columns': ['last_run_date']}],
    )
}}
-- depends_on: {{ ref('build_complaints') }}

with history as (

    {{ rebuilt_history() }}

),

-- a status that the source left empty or misspelt says nothing: milestones look past it
known as (

    select
        channel,
        complaint_id,
        run_date,
        resolution_status,
        lag(resolution_status) over (
            partition by channel, complaint_id order by run_date
        ) as status_before
    from history
    where resolution_status is not null

),

milestones as (

    select
        channel,
        complaint_id,
        min(run_date) filter (where resolution_status = 'Backlog') as backlog_date,
        min(run_date) filter (where resolution_status = 'In-Progress') as in_progress_date,
        min(run_date) filter (where resolution_status = 'Blocked') as blocked_date,
        -- the last time it turned Resolved begins the present resolution
        max(run_date) filter (
            where resolution_status = 'Resolved'
            and status_before is distinct from 'Resolved'
        ) as resolved_date,
        count(*) filter (
            where status_before = 'Resolved' and resolution_status <> 'Resolved'
        ) as times_reopened
    from known
    group by channel, complaint_id

),

latest as (

    select distinct on (channel, complaint_id)
        channel,
        complaint_id,
        resolution_status,
        run_date as last_run_date
    from history
    order by channel, complaint_id, run_date desc

),

complaints as (

    select
        {{ complaint_key('latest.channel', 'latest.complaint_id') }} as complaint_key,
        latest.channel,
        latest.complaint_id,
        latest.resolution_status,
        latest.last_run_date,
        milestones.backlog_date,
        milestones.in_progress_date,
        milestones.blocked_date,
        case
            when latest.resolution_status = 'Resolved' then milestones.resolved_date
        end as resolved_date,
        coalesce(milestones.times_reopened, 0)::integer as times_reopened
    from latest
    left join milestones using (channel, complaint_id)

)

select
    complaints.complaint_key,
    complaints.channel,
    complaints.complaint_id,
    facts.complaint_date,
    complaints.resolution_status,
    complaints.backlog_date,
    complaints.in_progress_date,
    complaints.blocked_date,
    complaints.resolved_date,
    complaints.times_reopened,
    complaints.in_progress_date - facts.complaint_date as days_to_in_progress,
    complaints.resolved_date - facts.complaint_date as days_to_resolved,
    complaints.resolved_date - complaints.in_progress_date as days_in_progress_to_resolved,
    case
        when complaints.resolved_date is not null
            then complaints.resolved_date <= facts.complaint_date + {{ sla_days() }}
        -- relative to the newest run date that is loaded, not to today
        when {{ newest_run_date() }} > facts.complaint_date + {{ sla_days() }} then false
    end as met_sla,
    complaints.last_run_date
from complaints
inner join {{ ref('fct_complaints') }} as facts using (complaint_key)
