{% macro get_where_subquery(relation) -%}
    {#- What a generic test looks at: in `dbt test` every row; in `dbt build` those that this build
        made (`where: __rebuilt_complaints__`), so that its cost doesn't grow with history, and none
        where PostgreSQL itself holds what is tested. -#}
    {%- set where = config.get('where') or '' -%}
    {%- set conditions = [] -%}
    {%- set rows = relation -%}
    {%- if flags.WHICH == 'build' -%}
        {%- if where == '__rebuilt_complaints__' -%}
            {%- set rows = '(' ~ rebuilt_complaints(relation, relation) ~ ') as rebuilt' -%}
        {%- elif where == '__rebuilt_dates__' -%}
            {%- do conditions.append(rebuilt_dates(relation)) -%}
        {%- elif where == '__rebuilt_customer_months__' -%}
            {%- do conditions.append(rebuilt_customer_months(relation)) -%}
        {%- elif where == '__rebuilt_customers__' -%}
            {%- do conditions.append(rebuilt_versions('customers', 'customer_id', relation)) -%}
        {%- elif where == '__rebuilt_agents__' -%}
            {%- do conditions.append(rebuilt_versions('agents', 'agent_id', relation)) -%}
        {%- endif -%}
        {%- set constraint = _constraint(relation) -%}
        {%- if constraint -%}
            {%- do conditions.append('not exists (' ~ constraint ~ ')') -%}
        {%- endif -%}
    {%- endif -%}
    {%- if where and not where.startswith('__rebuilt_') -%}
        {%- do conditions.append(where) -%}
    {%- endif -%}
    {%- if conditions -%}
        (select * from {{ rows }} where {{ conditions | join(' and ') }}) as rows_to_test
    {%- elif rows is string -%}
        (select * from {{ rows }}) as rows_to_test
    {%- else -%}
        {{ relation }}
    {%- endif -%}
{%- endmacro %}

{% macro _constraint(relation) -%}
    {#- Query that finds the constraint by which PostgreSQL holds what this test tests, if it can. -#}
    {%- set test = model.test_metadata -%}
    {%- set table = "'" ~ relation ~ "'::regclass" -%}
    {%- if test.name == 'not_null' -%}
        select from pg_attribute
        where
            attrelid = {{ table }} and attnotnull
            and attname = '{{ test.kwargs.column_name }}'
    {%- elif test.name in ('unique', 'unique_together') -%}
        {%- set columns = test.kwargs.columns or [test.kwargs.column_name] -%}
        select from pg_index
        where
            indrelid = {{ table }} and indisprimary and indisvalid
            and array(
                select attname::text from pg_attribute
                where attrelid = indrelid and attnum = any(indkey)
                order by 1
            ) = array['{{ columns | sort | join("', '") }}']
    {%- endif -%}
{%- endmacro %}

{% macro if_building(condition, otherwise='true') -%}
    {#- The same for singular tests: a condition in `dbt build`, every row in `dbt test`. -#}
    {{ condition if flags.WHICH == 'build' else otherwise }}
{%- endmacro %}
