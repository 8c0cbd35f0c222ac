{# Customers and agents that a static load changed since the last build that completed. #}

{% macro static_changed(entity, neighbour=none) %}
    {#- Whether there was such a load. -#}
    {{ return(build_state_value("bool_or(is_to_build and entity = '" ~ entity ~ "')", neighbour)) }}
{% endmacro %}

{% macro changed_since_built(entity, neighbour=none) -%}
    {#- Condition on `last_changed_at`. Loads of an entity wait for each other, so what a build did
        not see yet was changed after all that it saw. -#}
    {%- set seen = build_state_value(
        "max(built_loaded_at) filter (where entity = '" ~ entity ~ "')::text", neighbour
    ) -%}
    {%- if not static_changed(entity, neighbour) -%}
        false
    {%- elif not seen -%}
        true
    {%- else -%}
        last_changed_at > timestamptz '{{ seen }}'
    {%- endif -%}
{%- endmacro %}

{% macro changed_keys(entity, key, neighbour=none) -%}
    select {{ key }} from {{ _model('stg_' ~ entity, neighbour) }}
    where {{ changed_since_built(entity, neighbour) }}
{%- endmacro %}

{% macro rebuilt_versions(entity, key, neighbour=none) -%}
    {#- Condition: rows of a dimension that this build makes again. -#}
    {%- if changed_since_built(entity, neighbour) == 'true' -%}
        true
    {%- else -%}
        {{ key }} in ({{ changed_keys(entity, key, neighbour) }})
    {%- endif -%}
{%- endmacro %}
