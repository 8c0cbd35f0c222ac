-- A run date's partition holds as many rows as the ledger says were loaded.
{% set run_dates = complaint_run_dates_to_build() %}

with partitions as (

    {% for entity in var('channels') %}
    select '{{ entity }}' as entity, run_date, count(*) as rows_there
    from {{ ref('stg_' ~ entity) }}
    where {{ if_building('run_date in (' ~ run_dates ~ ')') }}
    group by run_date
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

ledger as (

    select entity, run_date, rows_loaded
    from {{ ref('build_run_dates') }}
    where
        not is_static
        and {{ if_building('run_date in (' ~ run_dates ~ ')') }}

)

select entity, run_date, rows_there, rows_loaded
from partitions
full join ledger using (entity, run_date)
where coalesce(rows_there, 0) <> coalesce(rows_loaded, 0)
