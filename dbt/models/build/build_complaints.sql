{{ config(post_hook='analyze {{ this }}') }}
-- depends_on: {{ ref('dim_customers') }}
-- depends_on: {{ ref('dim_agents') }}
-- depends_on: {{ ref('stg_customers') }}
-- depends_on: {{ ref('stg_agents') }}
-- depends_on: {{ ref('build_run_dates') }}

{% set facts = before_this_build('fct_complaints') %}
{% set lifecycles = before_this_build('fct_complaint_lifecycle') %}
{% if not facts or not lifecycles %}

select
    {{ complaint_key() }} as complaint_key,
    channel,
    complaint_id,
    min(run_date) as first_run_date,
    max(run_date) as last_run_date,
    null::date as complaint_date,
    null::text as customer_id
from {{ ref('int_complaint_history') }}
group by channel, complaint_id

{% else %}
{% set run_dates = complaint_run_dates_to_build() %}

with reported as (

    -- what the changed run dates say now
    select
        {{ complaint_key() }} as complaint_key,
        channel,
        complaint_id,
        run_date
    from {{ ref('int_complaint_history') }}
    where run_date in ({{ run_dates }})

),

reported_again as (

    select
        reported.channel,
        reported.complaint_id,
        reported.run_date as first_run_date,
        reported.run_date as last_run_date
    from reported
    inner join {{ facts }} as fct using (complaint_key)

),

{% if ',' in run_dates %}
reported_twice as (

    select
        channel,
        complaint_id,
        min(run_date) as first_run_date,
        max(run_date) as last_run_date
    from reported
    group by channel, complaint_id
    having count(*) > 1

),
{% endif %}

held as (

    -- what they may have said before: a reload can lose a complaint
    select fct.*
    from {{ facts }} as fct
    where
        fct.last_run_date >= least({{ run_dates }})
        and exists (
            select 1
            from unnest(array[{{ run_dates }}]) as day
            where day between fct.first_run_date and fct.last_run_date
        )

),

{% for entity, id, key in [
    ('customers', 'customer_id', 'customer_key'), ('agents', 'agent_id', 'agent_key')
] if static_changed(entity) %}
rekeyed_{{ entity }} as (

    -- a static refresh can bring a version for days that are already built, and for no earlier ones
    select fct.*
    from {{ facts }} as fct
    left join {{ ref('dim_' ~ entity) }} as version
        on fct.{{ key }} = version.{{ key }}
        and {{ valid_on('version', 'fct.complaint_date') }}
    where
        fct.complaint_date >= {{ build_state_date(
            "min(run_date) filter (where is_to_build and entity = '" ~ entity ~ "')"
        ) }}
        and fct.{{ id }} in ({{ changed_keys(entity, id) }})
        and version.{{ key }} is null

),
{% endfor %}

touched as (

    select channel, complaint_id, first_run_date, last_run_date from reported_again
    {% if ',' in run_dates %}
    union all
    select channel, complaint_id, first_run_date, last_run_date from reported_twice
    {% endif %}
    union all
    select channel, complaint_id, first_run_date, last_run_date from held
    {% for entity in ['customers', 'agents'] if static_changed(entity) %}
    union all
    select channel, complaint_id, first_run_date, last_run_date from rekeyed_{{ entity }}
    {% endfor %}

),

complaints as (

    select
        {{ complaint_key() }} as complaint_key,
        channel,
        complaint_id,
        min(first_run_date) as first_run_date,
        max(last_run_date) as last_run_date
    from touched
    group by channel, complaint_id

)

select
    complaints.complaint_key,
    complaints.channel,
    complaints.complaint_id,
    least(complaints.first_run_date, fct.first_run_date) as first_run_date,
    greatest(complaints.last_run_date, fct.last_run_date) as last_run_date,
    fct.complaint_date,
    fct.customer_id
from complaints
left join {{ facts }} as fct using (complaint_key)
{% if is_incremental() %}
-- left there by a build that did not complete
except
select * from {{ this }}
{% endif %}

{% endif %}
