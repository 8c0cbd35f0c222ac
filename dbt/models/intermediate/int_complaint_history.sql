{%- for entity, channel in var('channels').items() %}
select
    '{{ channel }}'::text as channel,
    complaint_id,
    run_date,
    customer_id,
    agent_id,
    complaint_category,
    resolution_status,
    request_date,
    resolution_date,
    generation_date,
    media_channel,
    call_start_time,
    call_end_time
from {{ ref('stg_' ~ entity) }}
{{ 'union all' if not loop.last }}
{%- endfor %}
