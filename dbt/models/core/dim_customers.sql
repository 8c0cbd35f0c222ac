{{
    config(
        pre_hook="{{ delete_rebuilt(rebuilt_versions('customers', 'customer_id')) }}",
        post_hook="{{ analyze_if_changed('customers', 'customer_id') }}",
        indexes=[{'columns': ['customer_id']}],
    )
}}
-- depends_on: {{ ref('build_run_dates') }}

with versions as (

    {{ versions_with_validity('customers', 'customer_id') }}

)

select
    {{ version_key('versions.customer_id') }} as customer_key,
    versions.customer_id,
    customers.name,
    customers.gender,
    customers.date_of_birth,
    customers.signup_date,
    customers.email,
    versions.address,
    versions.zip_code,
    versions.state_code,
    versions.state,
    versions.valid_from,
    versions.valid_to,
    versions.valid_to is null as is_current
from versions
inner join {{ ref('stg_customers') }} as customers
    on versions.customer_id = customers.customer_id
