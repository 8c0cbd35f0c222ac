{% macro get_where_subquery(relation) -%}
    {#- What a generic test looks at. In `dbt build` a test of an incremental model looks at the rows
        this build made (`where: complaint_key in __rebuilt_complaints__`), so that its cost doesn't
        grow with history; `dbt test` looks at every row. -#}
    {%- set where = config.get('where') or '' -%}
    {%- set scopes = {
        '__rebuilt_complaints__': rebuilt_complaints(relation),
        '__rebuilt_dates__': rebuilt_dates(relation),
        '__rebuilt_customer_months__': rebuilt_customer_months(relation),
    } if '__rebuilt_' in where else {} -%}
    {%- set scope = namespace(where=where) -%}
    {%- for placeholder, rows in scopes.items() if placeholder in where -%}
        {%- set scope.where = scope.where | replace(placeholder, rows) if flags.WHICH == 'build' -%}
    {%- endfor -%}
    {%- if scope.where -%}
        (select * from {{ relation }} where {{ scope.where }}) as rows_to_test
    {%- else -%}
        {{ relation }}
    {%- endif -%}
{%- endmacro %}

{% macro if_building(condition) -%}
    {#- The same for singular tests: a condition in `dbt build`, every row in `dbt test`. -#}
    {{ condition if flags.WHICH == 'build' else 'true' }}
{%- endmacro %}
