{% macro postgres__snapshot_get_time() -%}
    {#- What snapshots go by here, `last_changed_at`, has its time zone. dbt's own clock has none, and
        every night it warns of the difference. -#}
    {{ current_timestamp() }}
{%- endmacro %}
