{% macro postgres__persist_docs(relation, model, for_relation, for_columns) -%}
    {#- Descriptions as comments, in one statement for a relation. dbt's own macros take one for the
        relation and one for its columns, and ask twice which columns there are, to leave out those
        that aren't. Here the description of a column that isn't there fails the build. -#}
    {%- set comments -%}
        {%- if for_relation and config.persist_relation_docs() and model.description -%}
            {{ alter_relation_comment(relation, model.description) }}
        {%- endif -%}
        {%- if for_columns and config.persist_column_docs() -%}
            {%- for column in model.columns.values() if column.description %}
                comment on column {{ relation }}.{{ adapter.quote(column.name) }}
                is {{ postgres_escape_comment(column.description) }};
            {%- endfor -%}
        {%- endif -%}
    {%- endset -%}
    {%- if comments | trim -%}
        {%- do run_query(comments) -%}
    {%- endif -%}
{%- endmacro %}
