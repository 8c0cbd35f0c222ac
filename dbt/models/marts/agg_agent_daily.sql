{{
    config(
        pre_hook="{{ delete_rebuilt(rebuilt_dates()) }}",
        post_hook="analyze {{ this }} (complaint_date)",
        indexes=[{'columns': ['complaint_date']}],
    )
}}
-- depends_on: {{ ref('build_complaint_dates') }}

select
    complaints.agent_id,
    complaints.complaint_date,
    count(*) as complaints,
    count(*) filter (where lifecycle.resolution_status = 'Resolved') as resolved,
    sum(lifecycle.days_to_resolved)::bigint as days_to_resolve
from {{ ref('fct_complaints') }} as complaints
inner join {{ ref('fct_complaint_lifecycle') }} as lifecycle using (complaint_key)
{% if is_incremental() %}
where
    complaints.{{ rebuilt_dates() }}
    and lifecycle.{{ rebuilt_dates() }}
{% endif %}
group by complaints.agent_id, complaints.complaint_date
