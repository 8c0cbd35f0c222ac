{{
    config(
        pre_hook="{{ delete_rebuilt_complaints(rebuilt_customer_months()) }}",
        post_hook="analyze {{ this }} (customer_id, month)",
    )
}}
-- depends_on: {{ ref('build_customer_months') }}

with complaints as (

    -- "C": their sort is most of the work, and it need not know a language's order
    select
        complaints.customer_id collate "C" as customer_id,
        date_trunc('month', complaints.complaint_date)::date as month,
        complaints.channel,
        complaints.complaint_category,
        complaints.agent_id collate "C" as agent_id,
        complaints.resolution_status,
        lifecycle.days_to_resolved
    from {{ ref('fct_complaints') }} as complaints
    left join {{ ref('fct_complaint_lifecycle') }} as lifecycle
        on complaints.complaint_key = lifecycle.complaint_key
        and lifecycle.days_to_resolved is not null
    {% if is_incremental() %}
    inner join {{ ref('build_customer_months') }} as wanted
        on complaints.customer_id = wanted.customer_id
        and complaints.complaint_date >= wanted.month
        and complaints.complaint_date < wanted.month + interval '1 month'
    {% endif %}

),

months as (

    select
        customer_id,
        month,
        count(*) as complaints,
        count(*) filter (where channel = 'call_log') as call_log_complaints,
        count(*) filter (where channel = 'social_media') as social_media_complaints,
        count(*) filter (where channel = 'web_form') as web_form_complaints,
        count(*) filter (
            where complaint_category = 'Technician Support'
        ) as technician_support_complaints,
        count(*) filter (
            where complaint_category = 'Network Failure'
        ) as network_failure_complaints,
        count(*) filter (
            where complaint_category = 'Router Delivery'
        ) as router_delivery_complaints,
        count(*) filter (where complaint_category = 'Payments') as payments_complaints,
        count(*) filter (where resolution_status = 'Resolved') as resolved,
        avg(days_to_resolved) as avg_days_to_resolve,
        count(distinct agent_id) as distinct_agents
    from complaints
    group by customer_id, month

),

months_before as (

    select customer_id, month, complaints from months
    {% if is_incremental() %}
    -- what this build doesn't make again stands as it is
    union all
    select before.customer_id, before.month, before.complaints
    from {{ ref('build_customer_months') }} as wanted
    inner join {{ this }} as before
        on wanted.customer_id = before.customer_id
        and (wanted.month - interval '1 month')::date = before.month
    {% endif %}

)

select
    months.customer_id,
    months.month,
    months.complaints,
    months.call_log_complaints,
    months.social_media_complaints,
    months.web_form_complaints,
    months.technician_support_complaints,
    months.network_failure_complaints,
    months.router_delivery_complaints,
    months.payments_complaints,
    months.resolved,
    (months.resolved::numeric / months.complaints)::numeric(5, 4) as resolution_rate,
    months.avg_days_to_resolve::numeric(12, 4) as avg_days_to_resolve,
    months.distinct_agents,
    -- a month without complaints has no row, and counts as none
    months.complaints - coalesce(months_before.complaints, 0) as complaints_change
from months
left join months_before
    on months.customer_id = months_before.customer_id
    and (months.month - interval '1 month')::date = months_before.month
