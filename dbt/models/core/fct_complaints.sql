{{
    config(
        pre_hook=["{{ forget_builds() }}", "{{ delete_rebuilt_complaints(listed_complaints()) }}"],
        post_hook="analyze {{ this }} (customer_id, complaint_date, last_run_date)",
        indexes=[
            {'columns': ['complaint_date']},
            {'columns': ['resolution_date']},
            {'columns': ['last_run_date']},
            {'columns': ['customer_id', 'complaint_date']},
        ],
    )
}}
-- depends_on: {{ ref('build_complaints') }}
-- depends_on: {{ ref('build_run_dates') }}

with history as (

    {{ listed_history() }}

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

),

complaints as (

    select * from latest
    {% if is_incremental() %}
    union all
    -- not in the work list: this is the only report there is
    select
        *,
        run_date as first_run_date,
        coalesce(request_date, generation_date, run_date) as complaint_date
    from {{ ref('int_complaint_history') }} as reported
    where
        run_date in ({{ complaint_run_dates_to_build() }})
        and not exists (
            select 1
            from {{ ref('build_complaints') }} as listed
            where
                listed.channel = reported.channel
                and listed.complaint_id = reported.complaint_id
        )
    {% endif %}

)

select
    {{ complaint_key('complaints.channel', 'complaints.complaint_id') }} collate "C" as complaint_key,
    complaints.channel,
    complaints.complaint_id,
    customer.customer_key,
    agent.agent_key,
    complaints.customer_id,
    complaints.agent_id,
    complaints.complaint_date,
    {{ date_key('complaints.complaint_date') }} as complaint_date_key,
    complaints.complaint_category,
    complaints.resolution_status,
    complaints.resolution_date,
    complaints.media_channel,
    complaints.call_start_time,
    complaints.call_end_time,
    complaints.first_run_date,
    complaints.run_date as last_run_date
from complaints
left join {{ ref('dim_customers') }} as customer
    on complaints.customer_id = customer.customer_id
    and {{ valid_on('customer', 'complaints.complaint_date') }}
left join {{ ref('dim_agents') }} as agent
    on complaints.agent_id = agent.agent_id
    and {{ valid_on('agent', 'complaints.complaint_date') }}
-- the key's values come in no order: brought into one, its index takes them at half the cost
order by complaint_key
