"""Keys in SQL, by the rule that cleaning has for them."""

from psycopg import sql

from tasks.cleaning.rules import OUTER, WHOLE_NUMBER


def cleaned_key(value: sql.Composable) -> sql.Composed:
    """What a key or reference becomes, from its text as it came: docs/contract.md#keys."""
    return sql.SQL(
        "(SELECT CASE WHEN text ~ {whole} THEN replace(split_part(text, '.', 1), ',', '') "
        "ELSE nullif(text, '') END FROM btrim({value}, {outer}) AS text)"
    ).format(value=value, whole=sql.Literal(WHOLE_NUMBER), outer=sql.Literal(OUTER))
