{% macro more_memory() -%}
    {#- The server's own (4 MB by default) sends the joins and sorts of a large day to the disk. Where
        somebody has set more, that stays. -#}
    select set_config('work_mem', '64MB', true)
    where pg_size_bytes(current_setting('work_mem')) < pg_size_bytes('64MB')
{%- endmacro %}

{% macro postgres__get_test_sql(main_sql, fail_calc, warn_if, error_if, limit) -%}
    {#- Tests have no pre-hook. -#}
    {{ more_memory() }};
    {{ dbt.default__get_test_sql(main_sql, fail_calc, warn_if, error_if, limit) }}
{%- endmacro %}
