{{
    config(
        pre_hook=[
            "{{ delete_rebuilt_complaints(listed_complaints()) }}",
            "{{ end_overdue_slas() }}",
        ],
        post_hook="analyze {{ this }} (complaint_date, last_run_date)",
        indexes=[{'columns': ['complaint_date']}, {'columns': ['last_run_date']}],
    )
}}
-- depends_on: {{ ref('build_complaints') }}
-- depends_on: {{ ref('build_run_dates') }}

with facts as not materialized (

    {% if is_incremental() %}
    {{ rebuilt_complaints(ref('fct_complaints')) }}
    {% else %}
    select * from {{ ref('fct_complaints') }}
    {% endif %}

),

history as (

    {{ listed_history() }}

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

reported_once as (

    select
        complaint_key,
        channel,
        complaint_id,
        complaint_date,
        resolution_status,
        case when resolution_status = 'Backlog' then last_run_date end as backlog_date,
        case when resolution_status = 'In-Progress' then last_run_date end as in_progress_date,
        case when resolution_status = 'Blocked' then last_run_date end as blocked_date,
        case when resolution_status = 'Resolved' then last_run_date end as resolved_date,
        0 as times_reopened,
        last_run_date
    from facts
    where first_run_date = last_run_date

),

reported_more_often as (

    select
        facts.complaint_key,
        facts.channel,
        facts.complaint_id,
        facts.complaint_date,
        facts.resolution_status,
        milestones.backlog_date,
        milestones.in_progress_date,
        milestones.blocked_date,
        case
            when facts.resolution_status = 'Resolved' then milestones.resolved_date
        end as resolved_date,
        coalesce(milestones.times_reopened, 0)::integer as times_reopened,
        facts.last_run_date
    from facts
    left join milestones using (channel, complaint_id)
    where facts.first_run_date < facts.last_run_date

),

complaints as (

    select * from reported_once
    union all
    select * from reported_more_often

)

select
    complaint_key,
    channel,
    complaint_id,
    complaint_date,
    resolution_status,
    backlog_date,
    in_progress_date,
    blocked_date,
    resolved_date,
    times_reopened,
    in_progress_date - complaint_date as days_to_in_progress,
    resolved_date - complaint_date as days_to_resolved,
    resolved_date - in_progress_date as days_in_progress_to_resolved,
    case
        when resolved_date is not null then resolved_date <= complaint_date + {{ sla_days() }}
        -- relative to the newest run date that is loaded, not to today
        when {{ newest_run_date() }} > complaint_date + {{ sla_days() }} then false
    end as met_sla,
    last_run_date
from complaints
-- as in fct_complaints
order by complaint_key collate "C"
