{# Statistics where autovacuum comes minutes too late: without them the planner takes a day's
   partition for two rows, and joins it in a loop (measured: 4 s in place of 0.1). #}

{% macro analyze_new_partitions() %}
    {% if execute %}
    do $$
    declare
        partition regclass;
    begin
        for partition in
            select inheritance.inhrelid
            from pg_inherits as inheritance
            inner join pg_class as class on class.oid = inheritance.inhrelid
            where
                inheritance.inhparent in (
                    '{{ source("conformed", "call_logs") }}'::regclass,
                    '{{ source("conformed", "sm_complaints") }}'::regclass,
                    '{{ source("conformed", "web_complaints") }}'::regclass
                )
                -- rows are there, and were never looked at
                and pg_relation_size(class.oid) > 0
                and not exists (
                    select from pg_stats
                    where
                        pg_stats.schemaname = class.relnamespace::regnamespace::text
                        and pg_stats.tablename = class.relname
                )
        loop
            begin
                execute format('analyze %s', partition);
            exception
                -- a load has just replaced the day
                when undefined_table then null;
            end;
        end loop;
    end
    $$
    {% endif %}
{% endmacro %}

{% macro analyze_if_whole() %}
    {#- Post-hook of an incremental model: a day more is autovacuum's, a new table isn't. -#}
    {% if not is_incremental() %}
        analyze {{ this }}
    {% endif %}
{% endmacro %}
