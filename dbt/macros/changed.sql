{# Customers and agents that a static load changed since the last build that completed. #}

{% macro static_changed(entity, beside=none) %}
    {#- Whether there was such a load. -#}
    {{ return(build_state_value("bool_or(is_to_build and entity = '" ~ entity ~ "')", beside)) }}
{% endmacro %}

{% macro changed_since_built(entity, beside=none) -%}
    {#- Condition on `last_changed_at`. Loads of an entity wait for each other, so what a build did
        not see yet was changed after all that it saw. -#}
    {%- set seen = build_state_value(
        "max(built_loaded_at) filter (where entity = '" ~ entity ~ "')::text", beside
    ) -%}
    {%- if not static_changed(entity, beside) -%}
        false
    {%- elif not seen -%}
        true
    {%- else -%}
        last_changed_at > timestamptz '{{ seen }}'
    {%- endif -%}
{%- endmacro %}

{% macro changed_keys(entity, key, beside=none) -%}
    select {{ key }} from {{ _model('stg_' ~ entity, beside) }}
    where {{ changed_since_built(entity, beside) }}
{%- endmacro %}

{% macro rebuilt_versions(entity, key, beside=none) -%}
    {#- Condition: rows of a dimension that this build makes again. -#}
    {%- if changed_since_built(entity, beside) == 'true' -%}
        true
    {%- else -%}
        {{ key }} in ({{ changed_keys(entity, key, beside) }})
    {%- endif -%}
{%- endmacro %}
