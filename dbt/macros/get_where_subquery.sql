{% macro get_where_subquery(relation) -%}
    {#- What a generic test looks at. In `dbt build` a test of an incremental model looks at the rows
        this build made (`where: __rebuilt_complaints__`), so that its cost doesn't grow with history;
        `dbt test` looks at every row. -#}
    {%- set where = config.get('where') or '' -%}
    {%- if where.startswith('__rebuilt_') -%}
        {%- set where = if_building({
            '__rebuilt_complaints__': rebuilt_complaints,
            '__rebuilt_dates__': rebuilt_dates,
            '__rebuilt_customer_months__': rebuilt_customer_months,
        }[where](relation)) -%}
    {%- endif -%}
    {%- if where -%}
        (select * from {{ relation }} where {{ where }}) as rows_to_test
    {%- else -%}
        {{ relation }}
    {%- endif -%}
{%- endmacro %}

{% macro if_building(condition) -%}
    {#- The same for singular tests: a condition in `dbt build`, every row in `dbt test`. -#}
    {{ condition if flags.WHICH == 'build' else 'true' }}
{%- endmacro %}
