{{
    config(
        pre_hook="{{ delete_rebuilt_complaints(rebuilt_dates()) }}",
        post_hook="analyze {{ this }} (complaint_date)",
        indexes=[{'columns': ['complaint_date']}],
    )
}}
-- depends_on: {{ ref('build_complaint_dates') }}

select
    complaint_date,
    channel,
    complaint_category,
    resolution_status,
    count(*) as complaints
from {{ ref('fct_complaints') }}
{% if is_incremental() %}
where {{ rebuilt_dates() }}
{% endif %}
group by complaint_date, channel, complaint_category, resolution_status
