{% snapshot snap_customers %}

{{
    config(
        strategy='check',
        unique_key='customer_id',
        check_cols=['address'],
        updated_at='last_changed_at',
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
-- without a static load since the last build there is nothing to compare
{% if not static_changed('customers') and load_relation(this) %}
where false
{% endif %}

{% endsnapshot %}
