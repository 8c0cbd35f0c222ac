{# Surrogate keys: the same input gives the same key in every build, so a full refresh changes none. #}

{% macro complaint_key(channel='channel', complaint_id='complaint_id') -%}
    md5({{ channel }} || '|' || {{ complaint_id }})
{%- endmacro %}

{% macro version_key(natural_key, valid_from='valid_from') -%}
    md5({{ natural_key }} || '|' || to_char({{ valid_from }}, 'YYYY-MM-DD'))
{%- endmacro %}

{% macro date_key(day) -%}
    to_char({{ day }}, 'YYYYMMDD')::integer
{%- endmacro %}

{% macro first_valid_from() -%}
    date '1900-01-01'
{%- endmacro %}

{% macro valid_on(version, day) -%}
    {#- dates before the first version's reach (a typing error in the source) belong to it too -#}
    greatest({{ day }}, {{ first_valid_from() }}) >= {{ version }}.valid_from
    and (
        {{ version }}.valid_to is null
        or greatest({{ day }}, {{ first_valid_from() }}) < {{ version }}.valid_to
    )
{%- endmacro %}
