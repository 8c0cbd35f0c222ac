select
    customer_id,
    name,
    gender,
    date_of_birth,
    signup_date,
    email,
    address,
    zip_code,
    state_code,
    state,
    run_date,
    last_changed_at
from {{ source('conformed', 'customers') }}
