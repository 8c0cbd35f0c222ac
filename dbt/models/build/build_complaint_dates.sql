{{ config(pre_hook="{{ delete_rebuilt('true') }}") }}

select complaint_date
from {{ ref('build_complaints') }}
where complaint_date is not null
union
select complaint_date
from ({{ rebuilt_complaints(ref('fct_complaints')) }}) as rebuilt
