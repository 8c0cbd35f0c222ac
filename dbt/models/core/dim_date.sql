{{ config(materialized='table') }}

with bounds as (

    select
        date_trunc('year', min(run_date)) - interval '1 year' as first_day,
        date_trunc('year', max(run_date)) + interval '2 years' as end_day
    from {{ ref('build_run_dates') }}
    where loaded_at is not null

),

calendar as (

    -- whole years around the run dates
    select days.day::date as date_day
    from bounds
    cross join lateral generate_series(
        first_day, end_day - interval '1 day', interval '1 day'
    ) as days (day)

),

-- a typing error may put a complaint into year 1 or 9999: such days come one by one
strays as (

    select complaint_date as date_day
    from {{ ref('fct_complaints') }}, bounds
    where complaint_date < first_day or complaint_date >= end_day
    union
    select resolution_date
    from {{ ref('fct_complaints') }}, bounds
    where resolution_date < first_day or resolution_date >= end_day

),

days as (

    select date_day from calendar
    union all
    select date_day from strays

)

select
    {{ date_key('date_day') }} as date_key,
    date_day,
    extract(year from date_day)::integer as year,
    extract(quarter from date_day)::integer as quarter,
    extract(month from date_day)::integer as month,
    to_char(date_day, 'FMMonth') as month_name,
    extract(day from date_day)::integer as day_of_month,
    extract(isodow from date_day)::integer as day_of_week,
    to_char(date_day, 'FMDay') as day_name,
    extract(isodow from date_day) in (6, 7) as is_weekend
from days
