{% macro postgres__apply_grants(relation, grant_config, should_revoke) %}
    {#- What the roles of CORETELECOMS_READERS may read (docs/contract.md#readers): one every column, the
        other those that are not personal. dbt's own `grants` would take away what an administrator
        gave to others. -#}
    {%- set role = env_var('CORETELECOMS_DBT_READERS', '') -%}
    {%- if role -%}
        {%- set personal = model.columns.values() | selectattr('config.meta.personal') | list -%}
        {%- set others = model.columns.values() | rejectattr('config.meta.personal')
            | map(attribute='name') | sort -%}
        {%- set grants -%}
            do $$
            begin
                {{ _let_read(relation, role ~ '_personal', []) }}
                {{ _let_read(relation, role, others if personal else []) }}
            end
            $$
        {%- endset -%}
        {%- do run_query(grants) -%}
    {%- endif -%}
{% endmacro %}

{% macro _let_read(relation, role, columns) -%}
    {#- Only where it isn't so already: two grants at once on one relation end in an error. -#}
    if (
        select array_agg(attname order by attname)
        from (
            select grantee, privilege_type, null::text as attname
            from pg_class, aclexplode(relacl) where oid = '{{ relation }}'::regclass
            union all
            select grantee, privilege_type, attname
            from pg_attribute, aclexplode(attacl) where attrelid = '{{ relation }}'::regclass
        ) as given
        where grantee = '{{ adapter.quote(role) }}'::regrole and privilege_type = 'SELECT'
    ) is distinct from array[{{ "'" ~ columns | join("', '") ~ "'" if columns else 'null' }}]::text[] then
        revoke select on {{ relation }} from {{ adapter.quote(role) }};
        grant select {{ '(' ~ columns | join(', ') ~ ')' if columns }}
            on {{ relation }} to {{ adapter.quote(role) }};
    end if;
{%- endmacro %}
