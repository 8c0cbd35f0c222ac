-- Every complaint of the partitions is one fact that spans its run dates and has the state of the
-- last of them; no fact is without its rows, and none without its lifecycle.
{% set run_dates = complaint_run_dates_to_build() %}

with reported as (

    select channel, complaint_id, run_date
    from {{ ref('int_complaint_history') }}
    where {{ if_building('run_date in (' ~ run_dates ~ ')') }}

),

history as (

    select * from {{ ref('int_complaint_history') }}
    where {{ if_building('run_date in (' ~ run_dates_to_compare() ~ ')') }}

),

facts as not materialized (

    select * from {{ complaints_to_test('fct_complaints') }} as complaints

),

without_row as (

    select
        facts.channel,
        facts.last_run_date as run_date,
        'complaint ' || facts.complaint_id || ' is not in that state' as problem
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

    select
        facts.channel,
        facts.first_run_date as run_date,
        'complaint ' || facts.complaint_id || ' is not there' as problem
    from facts
    left join history as earliest
        on facts.channel = earliest.channel
        and facts.complaint_id = earliest.complaint_id
        and facts.first_run_date = earliest.run_date
    where facts.first_run_date < facts.last_run_date and earliest.complaint_id is null

),

-- each fact has its row, so what is left to know of the rows is whether each has its fact
rows_with_fact as (

    select channel, last_run_date as run_date, count(*) as complaints
    from facts
    group by channel, last_run_date
    union all
    select reported.channel, reported.run_date, count(*)
    from reported
    inner join facts
        on reported.channel = facts.channel
        and reported.complaint_id = facts.complaint_id
        and reported.run_date >= facts.first_run_date
        and reported.run_date < facts.last_run_date
    where facts.first_run_date < facts.last_run_date
    group by reported.channel, reported.run_date

),

rows_there as (

    select channel, run_date, count(*) as complaints
    from reported
    group by channel, run_date

),

without_fact as (

    select
        channel,
        run_date,
        rows_there.complaints || ' rows, facts for ' || coalesce(of_facts.complaints, 0) as problem
    from rows_there
    left join (
        select channel, run_date, sum(complaints) as complaints
        from rows_with_fact
        group by channel, run_date
    ) as of_facts using (channel, run_date)
    where rows_there.complaints <> coalesce(of_facts.complaints, 0)

),

-- a lifecycle's key is one of a fact, and no two have the same: other tests hold that
in_both as (

    select channel, last_run_date, complaint_date, resolution_status, count(*) as complaints, 1 as side
    from facts
    group by channel, last_run_date, complaint_date, resolution_status
    union all
    select channel, last_run_date, complaint_date, resolution_status, count(*), -1
    from {{ complaints_to_test('fct_complaint_lifecycle') }} as complaints
    group by channel, last_run_date, complaint_date, resolution_status

),

without_lifecycle as (

    select
        channel,
        last_run_date as run_date,
        sum(complaints * side) || ' more facts than lifecycles, dated ' || complaint_date as problem
    from in_both
    group by channel, last_run_date, complaint_date, resolution_status
    having sum(complaints * side) <> 0

)

select * from without_row
union all
select * from without_first_row
union all
select * from without_fact
union all
select * from without_lifecycle
