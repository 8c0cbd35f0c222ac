{% snapshot snap_customers %}

{{
    config(
        strategy='check',
        unique_key='customer_id',
        check_cols=['address'],
        updated_at='last_changed_at',
        post_hook="{{ analyze_if_changed('customers', 'customer_id, dbt_valid_to') }}",
    )
}}

select
    customer_id,
    address,
    zip_code,
    state_code,
    state,
    run_date,
    last_changed_at
from {{ ref('stg_customers') }}
{% if load_relation(this) %}
where {{ changed_since_built('customers') }}
{% endif %}

{% endsnapshot %}
