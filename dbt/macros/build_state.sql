{# What this build has to do, read from `build_run_dates`. Nothing here looks at the clock. #}

{% macro before_this_build(name) %}
    {#- A model of ours as the last build left it, or none. Not a ref: that would be a cycle. -#}
    {% if execute and not flags.FULL_REFRESH %}
        {{ return(adapter.get_relation(target.database, target.schema, name)) }}
    {% endif %}
    {{ return(none) }}
{% endmacro %}

{% macro build_state_value(expression, neighbour=none) %}
    {#- One value over build_run_dates; none while it isn't built (docs, compile). -#}
    {% set run_dates = _model('build_run_dates', neighbour) %}
    {% if execute and load_relation(run_dates) %}
        {% set found = run_query('select ' ~ expression ~ ' from ' ~ run_dates) %}
        {{ return(found.columns[0].values()[0]) }}
    {% endif %}
    {{ return(none) }}
{% endmacro %}

{% macro build_state_date(expression) %}
    {#- The same for a date, as a literal. -#}
    {% set value = build_state_value('(' ~ expression ~ ')::text') %}
    {{ return("date '" ~ value ~ "'" if value else 'null::date') }}
{% endmacro %}

{% macro date_literals(dates) %}
    {#- Dates as a list for `in`; without any, one that no row has. -#}
    {% set literals = [] %}
    {% for day in dates %}
        {% do literals.append("date '" ~ day ~ "'") %}
    {% endfor %}
    {{ return(literals | join(', ') or "date 'infinity'") }}
{% endmacro %}

{% macro complaint_run_dates_to_build(neighbour=none) %}
    {#- Run dates of complaints loaded since then, as literals: partitions are pruned by them. -#}
    {% set dates = build_state_value(
        "string_agg(distinct run_date::text, ',') filter (where is_to_build and not is_static)",
        neighbour
    ) %}
    {{ return(date_literals(dates.split(',') if dates else [])) }}
{% endmacro %}

{% macro newest_run_date() -%}
    (
        select max(run_date) from {{ ref('build_run_dates') }}
        where not is_static and loaded_at is not null
    )
{%- endmacro %}

{% macro sla_days() %}{{ return(3) }}{% endmacro %}
