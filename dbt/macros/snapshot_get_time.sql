{% macro postgres__snapshot_get_time() -%}
    {#- Snapshots here follow `last_changed_at`, which has a time zone. dbt's own clock has none, and
        every build would warn of the difference. -#}
    {{ current_timestamp() }}
{%- endmacro %}
