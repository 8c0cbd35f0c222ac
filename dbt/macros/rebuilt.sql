{# The part of a fact or mart that this build makes anew: all that the complaints in
   `build_complaints` belonged to before it and belong to after it. The same words delete the
   old rows, select the new ones and narrow the tests. `beside` is for tests: dbt doesn't look for
   refs in what narrows them, so they find the work list beside the model they test. #}

{% macro _model(name, beside) -%}
    {{ beside.incorporate(path={'identifier': name}) if beside else ref(name) }}
{%- endmacro %}

{% macro rebuilt_complaints(beside=none) -%}
    (select complaint_key from {{ _model('build_complaints', beside) }})
{%- endmacro %}

{% macro rebuilt_dates(beside=none) -%}
    (
        select complaint_date from {{ _model('build_complaints', beside) }}
        where complaint_date is not null
        union
        select complaint_date from {{ _model('fct_complaints', beside) }}
        where complaint_key in {{ rebuilt_complaints(beside) }}
    )
{%- endmacro %}

{% macro rebuilt_customer_months(beside=none) -%}
    {#- the month after as well: it holds the change against this one -#}
    (
        select
            touched.customer_id,
            (date_trunc('month', touched.complaint_date) + later.months)::date as month
        from (
            select customer_id, complaint_date from {{ _model('build_complaints', beside) }}
            where complaint_date is not null
            union
            select customer_id, complaint_date from {{ _model('fct_complaints', beside) }}
            where complaint_key in {{ rebuilt_complaints(beside) }}
        ) as touched
        cross join (values (interval '0'), (interval '1 month')) as later (months)
        group by 1, 2
    )
{%- endmacro %}

{% macro within_rebuilt_run_dates(run_date) -%}
    {#- Where rows of the complaints to rebuild can be: literals, so that other partitions are pruned
        when the query is planned. -#}
    {%- set work_list = ref('build_complaints') -%}
    {%- set bounds = (none, none) -%}
    {%- if execute and load_relation(work_list) -%}
        {%- set bounds = run_query(
            'select min(first_run_date), max(last_run_date) from ' ~ work_list
        ).rows[0] -%}
    {%- endif -%}
    {%- if bounds[0] is none -%}
        false
    {%- else -%}
        {{ run_date }} between date '{{ bounds[0] }}' and date '{{ bounds[1] }}'
    {%- endif -%}
{%- endmacro %}

{% macro rebuilt_history() -%}
    {#- Complaint history of the complaints to rebuild, or all of it. -#}
    select history.*
    from {{ ref('int_complaint_history') }} as history
    {%- if is_incremental() %}
    inner join (
        select
            channel,
            complaint_id,
            min(first_run_date) as first_run_date,
            max(last_run_date) as last_run_date
        from {{ ref('build_complaints') }}
        group by channel, complaint_id
    ) as rebuilt
        on history.channel = rebuilt.channel
        and history.complaint_id = rebuilt.complaint_id
        and history.run_date between rebuilt.first_run_date and rebuilt.last_run_date
    where {{ within_rebuilt_run_dates('history.run_date') }}
    {%- endif %}
{%- endmacro %}

{% macro delete_rebuilt(columns, rows) %}
    {#- Pre-hook of an incremental model: in one transaction with the insert that follows, so that
        a complaint or group that is gone from the source goes from the model too. -#}
    {% if is_incremental() %}
        delete from {{ this }} where {{ columns }} in {{ rows }}
    {% endif %}
{% endmacro %}

{% macro delete_all_if_static_changed(entity) %}
    {% if is_incremental() and static_changed(entity) %}
        delete from {{ this }}
    {% endif %}
{% endmacro %}
