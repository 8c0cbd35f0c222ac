"""Keys in SQL become what cleaning makes of them."""

import psycopg
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg import sql

from tasks.loading.keys import cleaned_key
from tests.generators_values import KEYS, cells
from tests.oracle.stripping import strip_key

VALUES = cells("key") | st.text("0123456789.,-+ \u2003\ufeff\n", max_size=9)


def test_a_key_is_the_oracles(database: str) -> None:
    query = sql.SQL("SELECT {} FROM unnest(%s::text[]) WITH ORDINALITY AS t (v, n) ORDER BY n")
    with psycopg.connect(database) as connection:

        @settings(deadline=None, max_examples=200)
        @given(st.lists(VALUES, max_size=20))
        def check(values: list[str | None]) -> None:
            asked = [*KEYS, *values]
            found = connection.execute(query.format(cleaned_key(sql.Identifier("v"))), [asked])
            assert [key for (key,) in found] == [strip_key(value) for value in asked]

        check()
