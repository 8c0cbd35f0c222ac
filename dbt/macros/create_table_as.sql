{% macro postgres__create_table_as(temporary, relation, sql) -%}
    {#- dbt writes the new rows of an incremental model to a temporary table first, to compare its
        columns. To rows that are only appended a view does, and they are written once. -#}
    {%- if temporary and config.get('incremental_strategy') == 'append' -%}
        {%- if config.get('contract').enforced -%}
            {{ get_assert_columns_equivalent(sql) }}
        {%- endif -%}
        create temporary view {{ relation }} as (
            {{ sql }}
        );
    {%- else -%}
        {{ dbt.postgres__create_table_as(temporary, relation, sql) }}
    {%- endif -%}
{%- endmacro %}
