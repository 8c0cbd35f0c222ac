-- depends_on: {{ ref('agg_daily_complaints') }}
-- depends_on: {{ ref('agg_agent_performance') }}
-- depends_on: {{ ref('feat_customer_month') }}
-- depends_on: {{ ref('dim_date') }}
{{
    config(
        pre_hook="{{ delete_rebuilt('true') }}",
        post_hook=["{{ identify_rows() }}", "delete from {{ ref('build_complaints') }}"],
    )
}}

select
    entity,
    run_date,
    loaded_at
from {{ ref('build_run_dates') }}
where loaded_at is not null
