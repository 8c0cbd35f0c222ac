with source as (

    select * from {{ source('conformed', 'call_logs') }}

)

select
    call_id as complaint_id,
    customer_id,
    agent_id,
    complaint_category,
    resolution_status,
    request_date,
    call_start_time,
    call_end_time,
    call_logs_generation_date as generation_date,
    run_date
from source
