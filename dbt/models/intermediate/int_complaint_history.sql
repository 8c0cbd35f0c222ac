with call_logs as (

    select
        'call_log'::text as channel,
        complaint_id,
        run_date,
        customer_id,
        agent_id,
        complaint_category,
        resolution_status,
        request_date,
        -- the call centre sends no date of resolution: a call that solved it ended that day
        case
            when resolution_status = 'Resolved' then call_end_time::date
        end as resolution_date,
        generation_date,
        null::text as media_channel,
        call_start_time,
        call_end_time
    from {{ ref('stg_call_logs') }}

),

sm_complaints as (

    select
        'social_media'::text as channel,
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
        null::timestamp as call_start_time,
        null::timestamp as call_end_time
    from {{ ref('stg_sm_complaints') }}

),

web_complaints as (

    select
        'web_form'::text as channel,
        complaint_id,
        run_date,
        customer_id,
        agent_id,
        complaint_category,
        resolution_status,
        request_date,
        resolution_date,
        generation_date,
        null::text as media_channel,
        null::timestamp as call_start_time,
        null::timestamp as call_end_time
    from {{ ref('stg_web_complaints') }}

)

select * from call_logs
union all
select * from sm_complaints
union all
select * from web_complaints
