{% macro more_memory() -%}
    {#- The server's own (4 MB by default) sends the joins and sorts of a large day to the disk. -#}
    set local work_mem = '64MB'
{%- endmacro %}

{% macro postgres__get_test_sql(main_sql, fail_calc, warn_if, error_if, limit) -%}
    {#- Tests have no pre-hook. -#}
    {{ more_memory() }};
    {{ dbt.default__get_test_sql(main_sql, fail_calc, warn_if, error_if, limit) }}
{%- endmacro %}
