-- Every complaint of the partitions is one fact that spans its run dates and has the state of the
-- last of them; no fact is without its rows, and none without its lifecycle. Counts and fingerprints
-- are compared by run date, which takes one look at each row and no join.
{% set run_dates = complaint_run_dates_to_build() %}

with reported as not materialized (

    select
        channel,
        complaint_id,
        run_date,
        hash_record_extended(
            row(complaint_id, resolution_status, complaint_category, customer_id, agent_id), 0
        ) as state
    from {{ ref('int_complaint_history') }}
    where {{ if_building('run_date in (' ~ run_dates_to_compare() ~ ')') }}

),

facts as not materialized (

    select
        *,
        hash_record_extended(
            row(complaint_id, resolution_status, complaint_category, customer_id, agent_id), 0
        ) as state
    from {{ complaints_to_test('fct_complaints') }} as complaints

),

-- all of them are in the work list: they were there before, or in two of the dates to build
reported_more_often as (

    select
        *,
        hash_record_extended(
            row(complaint_id, resolution_status, complaint_category, customer_id, agent_id), 0
        ) as state
    from {{ ref('fct_complaints') }}
    where first_run_date < last_run_date and {{ if_building(listed_complaints()) }}

),

-- what is there once too often (1) and once too seldom (-1) comes to nothing
in_both as (

    select 'fact of each row' as what, channel, run_date, state, 1 as surplus
    from reported
    where {{ if_building('run_date in (' ~ run_dates ~ ')') }}
    union all
    -- a later row of the complaint is the one that its fact shows
    select 'fact of each row', reported.channel, reported.run_date, reported.state, -1
    from reported
    inner join reported_more_often as later
        on reported.channel = later.channel
        and reported.complaint_id = later.complaint_id
        and reported.run_date >= later.first_run_date
        and reported.run_date < later.last_run_date
    where {{ if_building('reported.run_date in (' ~ run_dates ~ ')') }}
    union all
    select 'fact of each row', channel, last_run_date, state, -1
    from facts
    where {{ if_building('last_run_date in (' ~ run_dates ~ ')') }}
    union all
    select
        'lifecycle of each fact',
        channel,
        last_run_date,
        hash_record_extended(row(complaint_key, complaint_date, resolution_status), 0),
        1
    from facts
    union all
    select
        'lifecycle of each fact',
        channel,
        last_run_date,
        hash_record_extended(row(complaint_key, complaint_date, resolution_status), 0),
        -1
    from {{ complaints_to_test('fct_complaint_lifecycle') }} as complaints

)

select what, channel, run_date, sum(surplus) as missing
from in_both
group by what, channel, run_date
having sum(surplus) <> 0 or bit_xor(state) <> 0

union all

select 'first row of each fact', facts.channel, facts.first_run_date, count(*)
from reported_more_often as facts
left join reported
    on facts.channel = reported.channel
    and facts.complaint_id = reported.complaint_id
    and facts.first_run_date = reported.run_date
where reported.run_date is null
group by facts.channel, facts.first_run_date

union all

select 'last row of each fact', facts.channel, facts.last_run_date, count(*)
from reported_more_often as facts
left join reported
    on facts.channel = reported.channel
    and facts.complaint_id = reported.complaint_id
    and facts.last_run_date = reported.run_date
    and facts.state = reported.state
where reported.run_date is null
group by facts.channel, facts.last_run_date
