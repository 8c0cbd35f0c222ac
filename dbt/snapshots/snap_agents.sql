{% snapshot snap_agents %}

{{
    config(
        strategy='check',
        unique_key='agent_id',
        check_cols=['experience'],
        updated_at='last_changed_at',
        post_hook="{{ analyze_if_changed('agents', 'agent_id, dbt_valid_to') }}",
    )
}}

select
    agent_id,
    experience,
    run_date,
    last_changed_at
from {{ ref('stg_agents') }}
{% if load_relation(this) %}
where {{ changed_since_built('agents') }}
{% endif %}

{% endsnapshot %}
