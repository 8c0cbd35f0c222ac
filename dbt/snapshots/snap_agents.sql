{% snapshot snap_agents %}

{{
    config(
        strategy='check',
        unique_key='agent_id',
        check_cols=['experience'],
        updated_at='last_changed_at',
    )
}}

select
    agent_id,
    experience,
    run_date,
    last_changed_at
from {{ ref('stg_agents') }}
-- without a static load since the last build there is nothing to compare
{% if not static_changed('agents') and load_relation(this) %}
where false
{% endif %}

{% endsnapshot %}
