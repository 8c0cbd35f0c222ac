{{ config(severity='warn') }}
-- Complaints that are dated after the run date that first brought them: the source's clock, or a
-- day and month that changed places. Their days to resolve are too short, or negative.
select
    channel,
    complaint_id,
    complaint_date,
    first_run_date
from {{ complaints_to_test('fct_complaints') }} as complaints
where complaint_date > first_run_date
