{% macro versions_by_run_date(snapshot, natural_key, tracked, wanted) -%}
    {#- The versions of a snapshot with validity in run dates. The snapshot keeps the order in which
        changes arrived; run dates may come in any order and more than once, so
        * a refresh for an older run date takes effect on the newest one seen until then: what
          arrived last is what the conformed table holds, and so is current;
        * of several versions that take effect on one run date the last to arrive stands;
        * neighbours that don't differ (a change that was taken back) are one version. -#}
    with arrivals as (

        select
            *,
            max(run_date) over (
                partition by {{ natural_key }}
                order by dbt_valid_from
            ) as takes_effect_on
        from {{ snapshot }}
        where {{ wanted }}

    ),

    last_of_run_date as (

        select distinct on ({{ natural_key }}, takes_effect_on) *
        from arrivals
        order by {{ natural_key }}, takes_effect_on, dbt_valid_from desc

    ),

    neighbours as (

        select
            *,
            lag({{ tracked }}) over by_run_date as {{ tracked }}_before,
            lag({{ natural_key }}) over by_run_date is null as is_first
        from last_of_run_date
        window by_run_date as (partition by {{ natural_key }} order by takes_effect_on)

    ),

    versions as (

        select
            *,
            -- the first version reaches back, so that early facts join
            case
                when is_first then {{ first_valid_from() }} else takes_effect_on
            end as valid_from
        from neighbours
        where is_first or {{ tracked }} is distinct from {{ tracked }}_before

    )

    select
        *,
        lead(valid_from) over (
            partition by {{ natural_key }} order by valid_from
        ) as valid_to
    from versions
{%- endmacro %}
