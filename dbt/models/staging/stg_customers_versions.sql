select
    customer_id,
    address,
    zip_code,
    state_code,
    state,
    valid_from as takes_effect_on
from {{ source('conformed', 'customers_versions') }}
