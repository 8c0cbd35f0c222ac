{% test known_values(model, values={}, references={}) %}

-- What each of the columns in `values` may hold, and where each of those in `references` has to be
-- found; null is not tested. One look at each row: dbt's own tests take one for every column.
with tested as (

    select * from {{ model }}

)

select tested.*
from tested
{% for column, there in references.items() %}
left join {{ there.to }} as of_{{ column }} on tested.{{ column }} = of_{{ column }}.{{ there.field }}
{% endfor %}
where
    false
    {% for column, known in values.items() %}
    or tested.{{ column }} not in ('{{ known | join("', '") }}')
    {% endfor %}
    {% for column, there in references.items() %}
    or (tested.{{ column }} is not null and of_{{ column }}.{{ there.field }} is null)
    {% endfor %}

{% endtest %}
