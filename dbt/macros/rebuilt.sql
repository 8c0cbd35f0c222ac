{# The part of a fact or mart that this build makes anew: all that the complaints in
   `build_complaints` belonged to before it and belong to after it. The same conditions delete the
   old rows, select the new ones and narrow the tests. Dates go in as literals: with them the planner
   takes an index or prunes partitions, where a subquery would make it read everything.
   `beside` is for tests: dbt doesn't look for refs in what narrows them, so they find the work list
   beside the model they test. #}

{% macro _model(name, beside) %}
    {{ return(beside.incorporate(path={'identifier': name}) if beside else ref(name)) }}
{% endmacro %}

{% macro within_rebuilt_run_dates(run_date, beside=none) -%}
    {#- Where rows of these complaints can be. -#}
    {%- set work_list = _model('build_complaints', beside) -%}
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

{% macro rebuilt_complaints(beside=none) -%}
    {{ within_rebuilt_run_dates('last_run_date', beside) }}
    and complaint_key in (select complaint_key from {{ _model('build_complaints', beside) }})
{%- endmacro %}

{% macro rebuilt_dates(beside=none, complaint_date='complaint_date') -%}
    {%- set work_list = _model('build_complaints', beside) -%}
    {%- set dates -%}
        select distinct format('date %L', complaint_date::text)
        from (
            select complaint_date from {{ work_list }}
            union all
            select complaint_date from {{ _model('fct_complaints', beside) }}
            where {{ rebuilt_complaints(beside) }}
        ) as touched
        where complaint_date is not null
    {%- endset -%}
    {%- set literals = [] -%}
    {%- if execute and load_relation(work_list) -%}
        {%- set literals = run_query(dates).columns[0].values() -%}
    {%- endif -%}
    {{ complaint_date }} in ({{ literals | join(', ') or 'null::date' }})
{%- endmacro %}

{% macro rebuilt_customer_months(beside=none) -%}
    (customer_id, month) in (
        {{ rebuilt_customer_months_list(beside) }}
    )
{%- endmacro %}

{% macro rebuilt_customer_months_list(beside=none) -%}
    {#- with the month after each: it holds the change against this one -#}
    select
        touched.customer_id,
        (date_trunc('month', touched.complaint_date) + later.months)::date as month
    from (
        select customer_id, complaint_date from {{ _model('build_complaints', beside) }}
        where complaint_date is not null
        union all
        select customer_id, complaint_date from {{ _model('fct_complaints', beside) }}
        where {{ rebuilt_complaints(beside) }}
    ) as touched
    cross join (values (interval '0'), (interval '1 month')) as later (months)
    group by 1, 2
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

{% macro delete_rebuilt(condition) %}
    {#- Pre-hook of an incremental model: in one transaction with the insert that follows, so that
        a complaint or group that is gone from the source goes from the model too. -#}
    {% if is_incremental() %}
        delete from {{ this }} where {{ condition }}
    {% endif %}
{% endmacro %}

{% macro delete_all_if_static_changed(entity) %}
    {% if is_incremental() and static_changed(entity) %}
        delete from {{ this }}
    {% endif %}
{% endmacro %}
