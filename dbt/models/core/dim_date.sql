{{ config(pre_hook="{{ delete_rebuilt('true') }}") }}

-- depends_on: {{ ref('build_run_dates') }}

{% set first_day = build_state_date(
    "(date_trunc('year', min(run_date) filter (where loaded_at is not null)) - interval '1 year')::date"
) %}
{% set end_day = build_state_date(
    "(date_trunc('year', max(run_date) filter (where loaded_at is not null)) + interval '2 years')::date"
) %}

with calendar as (

    -- whole years around the run dates
    select day::date as date_day
    from generate_series(
        {{ first_day }}, {{ end_day }} - 1, interval '1 day'
    ) as day

),

-- a typing error may put a complaint into year 1 or 9999: such days come one by one
strays as (

    select complaint_date as date_day
    from {{ ref('fct_complaints') }}
    where complaint_date < {{ first_day }} or complaint_date >= {{ end_day }}
    union
    select resolution_date
    from {{ ref('fct_complaints') }}
    where resolution_date < {{ first_day }} or resolution_date >= {{ end_day }}

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
