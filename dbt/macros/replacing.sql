{# A relation is replaced when it gets other columns, or by `--full-refresh`: then dbt puts a new one
   in its place and drops the old one, with all that rests on it. Each replacement comes by here. #}

{% macro postgres__rename_relation(from_relation, to_relation) -%}
    {{ default__rename_relation(from_relation, to_relation) }}
    {%- if to_relation.identifier.endswith('__dbt_backup') -%}
        {#- renamed first: from here on nobody can build on it. -#}
        {%- do refuse_dependents(from_relation, to_relation) -%}
    {%- else -%}
        {%- do carry_grants(make_backup_relation(to_relation, to_relation.type), to_relation) -%}
    {%- endif -%}
{%- endmacro %}

{% macro refuse_dependents(name, relation) %}
    {#- Fail when something rests on the relation that is not this project's. -#}
    {%- set ours = graph.nodes.values() | map(attribute='alias') | list -%}
    {%- set query -%}
        select distinct
            case
                when theirs.oid is null then pg_describe_object(found.classid, found.objid, 0)
                else
                    pg_describe_object('pg_class'::regclass, theirs.oid, 0)
                    || ' (owner ' || pg_get_userbyid(theirs.relowner) || ')'
            end
        from pg_depend as found
        left join pg_rewrite as rule
            on found.classid = 'pg_rewrite'::regclass and found.objid = rule.oid
        left join pg_class as theirs on rule.ev_class = theirs.oid
        where
            found.refclassid = 'pg_class'::regclass
            and found.refobjid = '{{ relation }}'::regclass
            and found.deptype = 'n'
            and theirs.relpersistence is distinct from 't'
            and not coalesce(
                theirs.relnamespace = '{{ relation.schema }}'::regnamespace
                and theirs.relname in ('{{ ours | join("', '") }}'),
                false
            )
        order by 1
    {%- endset -%}
    {%- set found = run_query(query).columns[0].values() -%}
    {%- if found -%}
        {%- do exceptions.raise_compiler_error(
            name.schema ~ '.' ~ name.identifier ~ " can't be replaced: " ~ found | join(', ') ~ " would be dropped with it. "
            ~ "Ask the owner to drop it and to make it again afterwards; then build again"
        ) -%}
    {%- endif -%}
{% endmacro %}

{% macro carry_grants(old, new) %}
    {#- What others may do with the old relation, they may do with the new one. -#}
    {%- set privileges -%}
        do $$
        declare
            command text;
        begin
            for command in
                select
                    format(
                        'grant %s%s on {{ new }} to %s%s',
                        given.privilege_type,
                        ' (' || quote_ident(given.attname) || ')',
                        case given.grantee when 0 then 'public' else given.grantee::regrole::text end,
                        case when given.is_grantable then ' with grant option' end
                    )
                from (
                    select privilege_type, null::name as attname, grantee, is_grantable
                    from pg_class, aclexplode(relacl)
                    where oid = to_regclass('{{ old }}') and grantee <> relowner
                    union all
                    select privilege_type, attname, grantee, is_grantable
                    from pg_attribute as was, aclexplode(attacl)
                    where
                        attrelid = to_regclass('{{ old }}')
                        and exists (
                            select from pg_attribute
                            where
                                attrelid = '{{ new }}'::regclass
                                and attname = was.attname and not attisdropped
                        )
                ) as given
            loop
                execute command;
            end loop;
        end
        $$
    {%- endset -%}
    {%- do run_query(privileges) -%}
{% endmacro %}
