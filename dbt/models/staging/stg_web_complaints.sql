select
    request_id as complaint_id,
    customer_id,
    agent_id,
    complaint_category,
    resolution_status,
    request_date,
    resolution_date,
    web_form_generation_date as generation_date,
    null::text as media_channel,
    null::timestamp as call_start_time,
    null::timestamp as call_end_time,
    run_date
from {{ source('conformed', 'web_complaints') }}
