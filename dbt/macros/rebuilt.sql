{# The part of a fact or mart that this build makes again. Two kinds of complaints:
   * those in `build_complaints`, from their whole history: they were in the warehouse before, or are
     in more than one of the run dates to build;
   * all others that a run date to build reports: they are new, and that report is their history.
   Dates go in as literals: with them the planner takes an index or prunes partitions, where a
   subquery would make it read everything.
   `neighbour` is for tests: dbt doesn't look for refs in what narrows them, so they find the build's
   tables next to the model they test. #}

{% macro _model(name, neighbour) %}
    {{ return(neighbour.incorporate(path={'identifier': name}) if neighbour else ref(name)) }}
{% endmacro %}

{% macro _literals(query, of_table) %}
    {#- The dates that a query over a table of this build gives; while it isn't built, none. -#}
    {% set dates = [] %}
    {% if execute and load_relation(of_table) %}
        {% set dates = run_query(query).columns[0].values() %}
    {% endif %}
    {{ return(date_literals(dates)) }}
{% endmacro %}

{% macro listed_complaints(neighbour=none) -%}
    {#- Condition: rows of complaints in the work list, as they are and as they were. -#}
    {%- set work_list = _model('build_complaints', neighbour) -%}
    {%- set bounds = (none, none) -%}
    {%- if execute and load_relation(work_list) -%}
        {%- set bounds = run_query(
            'select min(first_run_date), max(last_run_date) from ' ~ work_list
        ).rows[0] -%}
    {%- endif -%}
    {%- if bounds[0] is none -%}
        false
    {%- else -%}
        last_run_date between date '{{ bounds[0] }}' and date '{{ bounds[1] }}'
        and complaint_key in (select complaint_key from {{ work_list }})
    {%- endif -%}
{%- endmacro %}

{% macro rebuilt_complaints(relation, neighbour=none) -%}
    {#- Rows of the complaints that this build made; with them those of a date that it looked at. -#}
    {%- set run_dates = complaint_run_dates_to_build(neighbour) -%}
    select * from {{ relation }}
    where last_run_date in ({{ run_dates }})
    union all
    select * from {{ relation }}
    where last_run_date not in ({{ run_dates }}) and {{ listed_complaints(neighbour) }}
{%- endmacro %}

{% macro rebuilt_dates(neighbour=none) -%}
    {%- set touched = _model('build_complaint_dates', neighbour) -%}
    complaint_date in ({{ _literals('select complaint_date from ' ~ touched, touched) }})
{%- endmacro %}

{% macro rebuilt_customer_months(neighbour=none) -%}
    (customer_id, month) in (
        select customer_id, month from {{ _model('build_customer_months', neighbour) }}
    )
{%- endmacro %}

{% macro listed_history() -%}
    {#- Complaint history of the complaints in the work list, or all of it. A run date that has few of
        them is asked for each by its key: PostgreSQL doesn't see that such a question goes to one
        partition, so it would rather read all of them, and `offset 0` leaves it no choice. -#}
    {%- if not is_incremental() -%}
    select * from {{ ref('int_complaint_history') }}
    {%- else -%}
    with listed as materialized (

        select
            channel,
            complaint_id,
            min(first_run_date) as first_run_date,
            max(last_run_date) as last_run_date
        from {{ ref('build_complaints') }}
        group by channel, complaint_id

    )

    {%- set few = _listed_run_dates('<') %}

    select history.*
    from {{ ref('int_complaint_history') }} as history
    inner join listed
        on history.channel = listed.channel
        and history.complaint_id = listed.complaint_id
        and history.run_date between listed.first_run_date and listed.last_run_date
    where history.run_date in ({{ _listed_run_dates('>=') }})
    union all
    select history.*
    from listed
    inner join unnest(array[{{ few }}]) as run_dates (run_date)
        on run_dates.run_date between listed.first_run_date and listed.last_run_date
    cross join lateral (
        select * from {{ ref('int_complaint_history') }}
        where
            channel = listed.channel
            and complaint_id = listed.complaint_id
            and run_date = run_dates.run_date
            and run_date in ({{ few }})
        offset 0
    ) as history
    {%- endif -%}
{%- endmacro %}

{% macro _listed_run_dates(few_or_many) -%}
    {#- Run dates between the first and the last report of listed complaints, as literals: those that
        have few of these ('<') for the rows that they have, or many ('>='). -#}
    {%- set rows_for_a_look_up = 20 -%}
    {%- set query -%}
        select run_date
        from (
            select run_date, sum(rows_loaded) as rows_there
            from {{ ref('build_run_dates') }}
            where not is_static
            group by run_date
        ) as run_dates
        inner join (
            select first_run_date, last_run_date, count(*) as complaints
            from {{ ref('build_complaints') }}
            group by first_run_date, last_run_date
        ) as listed on run_date between first_run_date and last_run_date
        group by run_date, rows_there
        having sum(complaints) * {{ rows_for_a_look_up }} {{ few_or_many }} coalesce(rows_there, 0)
    {%- endset -%}
    {{ _literals(query, ref('build_complaints')) }}
{%- endmacro %}

{% macro delete_rebuilt(condition) %}
    {#- Pre-hook of an incremental model: in one transaction with the insert that follows, so that
        a complaint or group that is gone from the source goes from the model too. -#}
    {% if is_incremental() %}
        delete from {{ this }} where {{ condition }}
    {% endif %}
{% endmacro %}

{% macro delete_rebuilt_complaints(condition) %}
    {#- The same of facts, and of what is built from them: all of it, while no build is known to have
        completed. Such a build makes all of it again. -#}
    {{ delete_rebuilt(condition if _is_built() else 'true') }}
{% endmacro %}

{% macro _is_built() %}
    {#- Whether a build completed since the facts were made from nothing. -#}
    {% set built = adapter.get_relation(target.database, target.schema, 'built_run_dates') %}
    {{ return(built and run_query('select 1 from ' ~ built ~ ' limit 1').rows | length > 0) }}
{% endmacro %}

{% macro forget_builds() %}
    {#- Pre-hook of the facts: made from nothing, they no longer say where complaints were before, so
        nothing that was built from the old ones may stay. -#}
    {% set built = adapter.get_relation(target.database, target.schema, 'built_run_dates') %}
    {% if built and not is_incremental() %}
        delete from {{ built }}
    {% endif %}
{% endmacro %}

{% macro end_overdue_slas() %}
    {#- Pre-hook of the lifecycle: a new run date ends the time that complaints had, though nobody
        reported them; the newest one may also be gone again. -#}
    {% if is_incremental() %}
    {% set newest = build_state_date(
        'max(run_date) filter (where not is_static and loaded_at is not null)'
    ) %}
    {% set newest_before = build_state_date(
        'max(run_date) filter (where not is_static and built_loaded_at is not null)'
    ) %}
        update {{ this }}
        set met_sla = case when {{ newest }} > complaint_date + {{ sla_days() }} then false end
        where
            resolved_date is null
            and complaint_date >= least({{ newest }}, {{ newest_before }}) - {{ sla_days() }}
            and complaint_date < greatest({{ newest }}, {{ newest_before }}) - {{ sla_days() }}
    {% endif %}
{% endmacro %}

{% macro complaints_to_test(model) -%}
    {#- For singular tests: a model's complaints of this build in `dbt build`, all in `dbt test`. -#}
    {{ if_building('(' ~ rebuilt_complaints(ref(model)) ~ ')', ref(model)) }}
{%- endmacro %}

{% macro run_dates_to_compare() -%}
    {#- Run dates on which complaints of this build are reported first or last, as literals. -#}
    {%- set days -%}
        select unnest(array[first_run_date, last_run_date]) from {{ ref('build_complaints') }}
        union
        select run_date from {{ ref('build_run_dates') }} where is_to_build and not is_static
        union
        select unnest(array[facts.first_run_date, facts.last_run_date])
        from {{ ref('fct_complaints') }} as facts
        where {{ listed_complaints() }}
    {%- endset -%}
    {{ _literals(days, ref('build_run_dates')) }}
{%- endmacro %}
