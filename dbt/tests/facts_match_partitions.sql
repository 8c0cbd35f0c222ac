-- Every complaint of the partitions is one fact that spans its run dates and has the state of the
-- last of them; and no fact is without its rows.
{% set run_dates = complaint_run_dates_to_build() %}

with partitions as (

    select channel, complaint_id, run_date
    from {{ ref('int_complaint_history') }}
    where {{ if_building('run_date in (' ~ run_dates ~ ')') }}

),

history as (

    select * from {{ ref('int_complaint_history') }}
    where {{ if_building(within_rebuilt_run_dates('run_date')) }}

),

facts as (

    select * from {{ ref('fct_complaints') }}
    where {{ if_building(rebuilt_complaints()) }}

),

without_fact as (

    select partitions.channel, partitions.complaint_id, 'no fact for the run date' as problem
    from partitions
    left join facts
        on partitions.channel = facts.channel
        and partitions.complaint_id = facts.complaint_id
        and partitions.run_date between facts.first_run_date and facts.last_run_date
    where facts.complaint_key is null

),

without_row as (

    select facts.channel, facts.complaint_id, 'no row in that state' as problem
    from facts
    left join history as latest
        on facts.channel = latest.channel
        and facts.complaint_id = latest.complaint_id
        and facts.last_run_date = latest.run_date
        and facts.resolution_status is not distinct from latest.resolution_status
        and facts.complaint_category is not distinct from latest.complaint_category
        and facts.customer_id = latest.customer_id
        and facts.agent_id = latest.agent_id
    where latest.complaint_id is null

),

without_first_row as (

    select facts.channel, facts.complaint_id, 'no row on its first run date' as problem
    from facts
    left join history as earliest
        on facts.channel = earliest.channel
        and facts.complaint_id = earliest.complaint_id
        and facts.first_run_date = earliest.run_date
    where earliest.complaint_id is null

),

without_lifecycle as (

    select facts.channel, facts.complaint_id, 'no lifecycle in that state' as problem
    from facts
    left join {{ ref('fct_complaint_lifecycle') }} as lifecycle
        on facts.complaint_key = lifecycle.complaint_key
        and facts.complaint_date = lifecycle.complaint_date
        and facts.resolution_status is not distinct from lifecycle.resolution_status
    where lifecycle.complaint_key is null

)

select * from without_fact
union all
select * from without_row
union all
select * from without_first_row
union all
select * from without_lifecycle
