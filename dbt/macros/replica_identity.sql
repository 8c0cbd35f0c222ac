{% macro identify_rows() %}
    {#- Where a publication takes all tables (Debezium, Airbyte, Fivetran), PostgreSQL deletes and
        updates no row that it can't identify: a table without a primary key is identified by all
        columns. That costs nothing unless changes are decoded (wal_level = logical). A DBA's own
        choice stays. -#}
    do $$
    declare
        name regclass;
    begin
        for name in
            select pg_class.oid::regclass
            from pg_class
            where
                relnamespace = '{{ this.schema }}'::regnamespace
                and relkind = 'r'
                and relreplident = 'd'
                and pg_has_role(relowner, 'usage')
                and not exists (select from pg_index where indrelid = pg_class.oid and indisprimary)
        loop
            execute format('alter table %s replica identity full', name);
        end loop;
    end
    $$
{% endmacro %}
