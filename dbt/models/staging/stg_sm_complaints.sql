select
    complaint_id,
    customer_id,
    agent_id,
    complaint_category,
    resolution_status,
    request_date,
    resolution_date,
    media_complaint_generation_date as generation_date,
    media_channel,
    null::timestamp as call_start_time,
    null::timestamp as call_end_time,
    run_date
from {{ source('conformed', 'sm_complaints') }}
