{{ config(pre_hook="{{ delete_rebuilt('true') }}", post_hook='analyze {{ this }}') }}

{% set months = before_this_build('feat_customer_month') %}

with touched as (

    select customer_id, date_trunc('month', complaint_date)::date as month
    from {{ ref('build_complaints') }}
    where complaint_date is not null
    union
    select customer_id, date_trunc('month', complaint_date)::date
    from ({{ rebuilt_complaints(ref('fct_complaints')) }}) as rebuilt

)

select customer_id, month
from touched
{% if months %}
union
-- the month after each holds the change against it
select months.customer_id, months.month
from touched
inner join {{ months }} as months
    on touched.customer_id = months.customer_id
    and (touched.month + interval '1 month')::date = months.month
{% endif %}
