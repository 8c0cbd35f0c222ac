with source as (

    select * from {{ source('conformed', 'web_complaints') }}

)

select
    request_id as complaint_id,
    customer_id,
    agent_id,
    complaint_category,
    resolution_status,
    request_date,
    resolution_date,
    web_form_generation_date as generation_date,
    run_date
from source
