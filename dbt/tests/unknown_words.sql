{{ config(severity='warn') }}
-- A run date on which a source used words that cleaning doesn't know for more than one complaint in
-- ten. They become null, and complaints without a status count as open: has the source changed?
{% set run_dates = complaint_run_dates_to_build() %}

select
    channel,
    run_date,
    count(*) as complaints,
    count(*) - count(complaint_category) as unknown_categories,
    count(*) - count(resolution_status) as unknown_statuses
from {{ ref('int_complaint_history') }}
where {{ if_building('run_date in (' ~ run_dates ~ ')') }}
group by channel, run_date
having
    count(complaint_category) < 0.9 * count(*)
    or count(resolution_status) < 0.9 * count(*)
