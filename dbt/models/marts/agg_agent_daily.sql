{{
    config(
        pre_hook="{{ delete_rebuilt_complaints(rebuilt_dates()) }}",
        post_hook="analyze {{ this }} (complaint_date)",
        indexes=[{'columns': ['complaint_date']}],
    )
}}
-- depends_on: {{ ref('build_complaint_dates') }}

select
    complaints.agent_id,
    complaints.complaint_date,
    count(*) as complaints,
    count(*) filter (where complaints.resolution_status = 'Resolved') as resolved,
    sum(lifecycle.days_to_resolved)::bigint as days_to_resolve
from {{ ref('fct_complaints') }} as complaints
left join {{ ref('fct_complaint_lifecycle') }} as lifecycle
    on complaints.complaint_key = lifecycle.complaint_key
    and lifecycle.days_to_resolved is not null
    {% if is_incremental() %}
    and lifecycle.{{ rebuilt_dates() }}
    {% endif %}
{% if is_incremental() %}
where complaints.{{ rebuilt_dates() }}
{% endif %}
group by complaints.agent_id, complaints.complaint_date
