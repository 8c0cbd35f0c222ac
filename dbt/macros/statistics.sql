{# Statistics where autovacuum comes minutes too late: by those of a small day before, the planner
   takes a large day for a row or two, and joins it in a loop whose cost is the square of its rows.
   Every model whose rows others join analyzes itself; this is for what loads have written. #}

{% macro analyze_loaded() %}
    {% if execute %}
    {% set conformed = source('conformed', 'customers').schema %}
    do $$
    declare
        command text;
    begin
        for command in
            -- partitions with rows that were never looked at
            select format('analyze %s', partition.oid::regclass)
            from pg_class as partition
            where
                partition.relnamespace = '{{ conformed }}'::regnamespace
                and partition.relispartition
                and partition.relkind = 'r'
                and pg_relation_size(partition.oid) > 0
                and not exists (
                    select from pg_stats
                    where schemaname = '{{ conformed }}' and tablename = partition.relname
                )
            union all
            select format('analyze %I.%I (last_changed_at)', '{{ conformed }}', entity)
            from {{ this }}
            where is_static and is_to_build and loaded_at is not null
            group by entity
            union all
            select format('analyze %s', versions)
            from
                {{ this }},
                to_regclass(format('%I.%I', '{{ conformed }}', entity || '_versions')) as versions
            where is_static and is_to_build and loaded_at is not null and versions is not null
            group by versions
        loop
            begin
                execute command;
            exception
                -- a load has just replaced the day
                when undefined_table then null;
            end;
        end loop;
    end
    $$
    {% endif %}
{% endmacro %}

{% macro analyze_if_changed(entity, columns) %}
    {#- Post-hook of what holds the versions of a static entity. -#}
    {% if static_changed(entity) %}
        analyze {{ this }} ({{ columns }})
    {% endif %}
{% endmacro %}
