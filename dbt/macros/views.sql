{% materialization view, adapter='postgres' %}
    {#- A view that is as it was is left alone, and one that only gained columns or reads otherwise is
        replaced in place. dbt itself would drop each of them at every build. -#}
    {%- set view = this.incorporate(type='view') -%}
    {{ drop_relation_if_exists(load_cached_relation(make_backup_relation(view, 'view'))) }}
    {%- set change = view_change(view, sql) -%}
    {%- if change == 'swap' -%}
        {{ return(dbt.materialization_view_default()) }}
    {%- endif -%}
    {{ run_hooks(pre_hooks) }}
    {%- if change == 'none' -%}
        {%- call noop_statement('main', 'VIEW', 'VIEW') -%}{%- endcall -%}
    {%- else -%}
        {%- call statement('main') -%}
            {{ postgres__get_replace_view_sql(view, sql) }}
        {%- endcall -%}
    {%- endif -%}
    {%- do apply_grants(view, config.get('grants'), should_revoke=false) -%}
    {%- do persist_docs(view, model) -%}
    {{ run_hooks(post_hooks) }}
    {%- do adapter.commit() -%}
    {{ return({'relations': [view]}) }}
{% endmaterialization %}

{% macro view_change(view, sql) %}
    {#- What has to be done to the view, by what PostgreSQL makes of the query: none; replace; swap. -#}
    {%- set wanted = make_temp_relation(view) -%}
    {%- call statement('change', fetch_result=true) -%}
        create temporary view {{ wanted }} as ({{ sql }});
        with views as (
            select
                oid = '{{ wanted }}'::regclass as is_wanted,
                pg_get_viewdef(oid) as definition,
                array(
                    select row(attname, atttypid, atttypmod, attcollation)::text
                    from pg_attribute where attrelid = oid order by attnum
                ) as columns
            from pg_class
            where oid in (to_regclass('{{ view }}'), '{{ wanted }}'::regclass) and relkind = 'v'
        )
        select
            case
                when there.definition = wanted.definition then 'none'
                when there.columns = wanted.columns[:cardinality(there.columns)] then 'replace'
                else 'swap'
            end
        from views as wanted
        left join views as there on not there.is_wanted
        where wanted.is_wanted
    {%- endcall -%}
    {%- do run_query('drop view ' ~ wanted) -%}
    {{ return(load_result('change').table.columns[0].values()[0]) }}
{% endmacro %}

{% macro postgres__drop_view(relation) -%}
    {#- Views of ours that rest on it still read it until they are built, a moment later; so the next
        build drops it. Those of others were refused (refuse_dependents). -#}
    do $$
    begin
        drop view if exists {{ relation }};
    exception
        when dependent_objects_still_exist then null;
    end
    $$
{%- endmacro %}
