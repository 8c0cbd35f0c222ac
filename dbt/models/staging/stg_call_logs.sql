select
    call_id as complaint_id,
    customer_id,
    agent_id,
    complaint_category,
    resolution_status,
    request_date,
    -- the call centre sends no date of resolution: a call that solved it ended that day
    case
        when resolution_status = 'Resolved' then call_end_time::date
    end as resolution_date,
    call_logs_generation_date as generation_date,
    null::text as media_channel,
    call_start_time,
    call_end_time,
    run_date
from {{ source('conformed', 'call_logs') }}
