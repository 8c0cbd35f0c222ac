{% macro versions_with_validity(entity, key) -%}
    {#- Versions of a static entity with the run dates on which they hold: of whom this build makes
        again. The first one reaches back, so that early facts join. -#}
    select
        *,
        lead(takes_effect_on) over by_run_date as valid_to,
        case
            when row_number() over by_run_date = 1 then {{ first_valid_from() }}
            else takes_effect_on
        end as valid_from
    from {{ ref('stg_' ~ entity ~ '_versions') }}
    {% if is_incremental() %}
    where {{ rebuilt_versions(entity, key) }}
    {% endif %}
    window by_run_date as (partition by {{ key }} order by takes_effect_on)
{%- endmacro %}
