-- The counts of each mart add up to fct_complaints: by day, by agent, by customer and month.
with facts as (

    select
        complaint_date,
        count(*) as complaints,
        count(*) filter (where resolution_status = 'Resolved') as resolved
    from {{ ref('fct_complaints') }}
    where {{ if_building(rebuilt_dates()) }}
    group by complaint_date

),

by_day as (

    select
        complaint_date,
        sum(complaints) as complaints,
        sum(complaints) filter (where resolution_status = 'Resolved') as resolved
    from {{ ref('agg_daily_complaints') }}
    where {{ if_building(rebuilt_dates()) }}
    group by complaint_date

),

by_agent_and_day as (

    select
        complaint_date,
        sum(complaints) as complaints,
        sum(resolved) as resolved
    from {{ ref('agg_agent_daily') }}
    where {{ if_building(rebuilt_dates()) }}
    group by complaint_date

),

customer_months_of_facts as (

    select
        facts.customer_id,
        date_trunc('month', facts.complaint_date)::date as month,
        count(*) as complaints,
        count(*) filter (where facts.resolution_status = 'Resolved') as resolved
    from {{ ref('fct_complaints') }} as facts
    {% if flags.WHICH == 'build' %}
    inner join {{ ref('build_customer_months') }} as wanted
        on facts.customer_id = wanted.customer_id
        and facts.complaint_date >= wanted.month
        and facts.complaint_date < wanted.month + interval '1 month'
    {% endif %}
    group by 1, 2

),

customer_months as (

    select customer_id, month, complaints, resolved
    from {{ ref('feat_customer_month') }}
    where {{ if_building(rebuilt_customer_months()) }}

)

select 'agg_daily_complaints' as mart, complaint_date::text as part
from facts
full join by_day using (complaint_date)
where
    facts.complaints is distinct from by_day.complaints
    or coalesce(facts.resolved, 0) <> coalesce(by_day.resolved, 0)

union all

select 'agg_agent_daily', complaint_date::text
from facts
full join by_agent_and_day using (complaint_date)
where
    facts.complaints is distinct from by_agent_and_day.complaints
    or coalesce(facts.resolved, 0) <> coalesce(by_agent_and_day.resolved, 0)

union all

select 'agg_agent_performance', null
from
    (
        select sum(complaints) as complaints, sum(resolved) as resolved
        from {{ ref('agg_agent_daily') }}
    ) as by_day_totals,
    (
        select sum(complaints) as complaints, sum(resolved) as resolved
        from {{ ref('agg_agent_performance') }}
    ) as by_agent_totals
where
    coalesce(by_day_totals.complaints, 0) <> coalesce(by_agent_totals.complaints, 0)
    or coalesce(by_day_totals.resolved, 0) <> coalesce(by_agent_totals.resolved, 0)

union all

select 'feat_customer_month', to_char(month, 'YYYY-MM')
from customer_months_of_facts
full join customer_months using (customer_id, month)
where
    customer_months_of_facts.complaints is distinct from customer_months.complaints
    or customer_months_of_facts.resolved is distinct from customer_months.resolved
