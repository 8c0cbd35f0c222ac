{{
    config(
        pre_hook=["{{ identify_rows() }}", "{{ delete_rebuilt('true') }}"],
        post_hook=["analyze {{ this }}", "{{ analyze_loaded() }}"],
    )
}}

{% set built = before_this_build('built_run_dates') %}

with ledger as (

    select * from {{ source('ops', 'ledger') }}

),

built as (

    {% if built %}
    select entity, run_date, loaded_at from {{ built }}
    {% else %}
    select entity, run_date, loaded_at from ledger where false
    {% endif %}

)

select
    entity,
    run_date,
    entity not in ('{{ var('channels') | join("', '") }}') as is_static,
    ledger.loaded as rows_loaded,
    ledger.loaded_at,
    built.loaded_at as built_loaded_at,
    -- equality, not "later than the last build": a load may begin before a build and commit after it
    ledger.loaded_at is distinct from built.loaded_at as is_to_build
from ledger
full join built using (entity, run_date)
