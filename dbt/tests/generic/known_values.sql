{% test known_values(model, values={}, references={}) %}

-- What each of the columns in `values` may hold, and where each of those in `references` has to be
-- found; null is not tested. One look at each row: dbt's own tests take one for every column. Of the
-- rows that fail, `wrong_columns` says why.
{%- set wrong = {} -%}
{%- for column, known in values.items() -%}
    {%- do wrong.update({column: "tested." ~ column ~ " not in ('" ~ known | join("', '") ~ "')"}) -%}
{%- endfor -%}
{%- for column, there in references.items() -%}
    {%- set found = "of_" ~ column ~ "." ~ there.field -%}
    {%- do wrong.update({column: "tested." ~ column ~ " is not null and " ~ found ~ " is null"}) -%}
{%- endfor %}
with tested as (

    select * from {{ model }}

)

select
    concat_ws(
        ', '
        {%- for column, is_wrong in wrong.items() %},
        case when {{ is_wrong }} then '{{ column }}' end
        {%- endfor %}
    ) as wrong_columns,
    tested.*
from tested
{% for column, there in references.items() %}
left join {{ there.to }} as of_{{ column }} on tested.{{ column }} = of_{{ column }}.{{ there.field }}
{% endfor %}
where
    false
    {%- for is_wrong in wrong.values() %}
    or ({{ is_wrong }})
    {%- endfor %}

{% endtest %}
