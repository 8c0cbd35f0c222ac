-- Versions of a customer or agent follow each other without overlap or gap, from 1900 to now.
with versions as (

    select 'customers' as dimension, customer_id as id, valid_from, valid_to, is_current
    from {{ ref('dim_customers') }}
    where {{ if_building(rebuilt_versions('customers', 'customer_id')) }}
    union all
    select 'agents', agent_id, valid_from, valid_to, is_current
    from {{ ref('dim_agents') }}
    where {{ if_building(rebuilt_versions('agents', 'agent_id')) }}

),

neighbours as (

    select
        *,
        lag(valid_to) over version as ended_before,
        lead(valid_from) over version as next_from,
        lag(id) over version is null as is_first
    from versions
    window version as (partition by dimension, id order by valid_from)

)

select *
from neighbours
where
    valid_to <= valid_from
    or valid_to is distinct from next_from
    or is_current is distinct from (valid_to is null)
    or (is_first and valid_from <> {{ first_valid_from() }})
    or (not is_first and ended_before is distinct from valid_from)
