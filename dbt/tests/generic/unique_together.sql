{% test unique_together(model, columns) %}

-- null counts as a value: two rows with a null in the same place are the same row
select
    {{ columns | join(', ') }},
    count(*) as rows_alike
from {{ model }}
group by {{ columns | join(', ') }}
having count(*) > 1

{% endtest %}
