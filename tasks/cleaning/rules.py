"""What each value becomes (docs/contract.md#fields), as Polars expressions over stripped text.

Every function takes an expression and gives another: null where the value can't be cleaned.
Where one calls Python, it is once a batch, never once a value.
"""

from collections.abc import Callable, Sequence
from datetime import datetime

import polars as pl

from tasks.cleaning.us_states import STATES
from tasks.entities.model import Derivation, Derived, Entity, Field, Rule

# what Python's str.strip() and str.split() take for white space; a regex's \s differs.
WHITE_SPACE = (
    "\t\n\x0b\x0c\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005"
    "\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
)
OUTER = WHITE_SPACE + "\u200b\u200c\u200d\u2060\ufeff"  # what step 1 strips
# a whole number as a data frame (1319.0) or a sheet (1,319 or 1,319.00) writes it.
WHOLE_NUMBER = r"^(0|-?[1-9][0-9]*|-?[1-9][0-9]{0,2}(,[0-9]{3})+)([.]0+)?$"
_SPACE = "[" + "".join(rf"\x{{{ord(c):x}}}" for c in WHITE_SPACE) + "]"
_WORD = _SPACE.replace("[", "[^", 1)

_DAY = r"(?:[1-9][0-9]{3}|0[1-9][0-9]{2}|00[1-9][0-9]|000[1-9])-[0-9]{2}-[0-9]{2}"
_TIME = r"[0-9]{2}:[0-9]{2}:[0-5][0-9]"
_OFFSET = "(?P<sign>[+-])(?P<hours>[01][0-9]|2[0-3])(?::?(?P<minutes>[0-5][0-9]))?"
_MOMENT = (
    f"^(?P<day>{_DAY})"
    f"(?:[ T](?P<time>{_TIME})(?:[.](?P<fraction>[0-9]{{1,9}}))?(?: ?(?:Z|UTC|{_OFFSET}))?)?$"
)
_EPOCH = "^(?:[0-9]{10}|[0-9]{13}|[0-9]{16}|[0-9]{19})$"
_USUAL_MOMENT = f"^{_DAY} [0-9]{{2}}:[0-9]{{2}}:[0-5][0-9]$"
_SECONDS = "%Y-%m-%d %H:%M:%S"
_FIRST, _LAST = datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999_999)  # noqa: DTZ001

DTYPES = {"date": pl.Date(), "timestamp": pl.Datetime("us"), "text": pl.String()}


def stripped(entity: Entity, column: str) -> pl.Expr:
    """A column after step 1: docs/contract.md#strip and, of keys and references, #keys."""
    text = pl.col(column).str.strip_chars(OUTER).replace("", None)
    if column not in entity.keys:
        return text
    return text.map_batches(_whole_numbers, return_dtype=pl.String, is_elementwise=True)


def _whole_numbers(values: pl.Series) -> pl.Series:
    """Whole numbers that a tool rewrote, as they were."""
    # in most files no key has one of these, and one long text is searched faster than many.
    text = values.str.join("").item()
    if "." not in text and "," not in text:
        return values
    value = pl.col("value")
    number = value.str.replace(r"[.].*", "").str.replace_all(",", "", literal=True)
    rewritten = pl.when(value.str.contains(WHOLE_NUMBER)).then(number).otherwise(value)
    return values.to_frame("value").select(rewritten).to_series().alias(values.name)


def cleaned(field: Field) -> pl.Expr:
    """A contract's column, cleaned by its rule, from the stripped column of the same name."""
    value = pl.col(field.name)
    if field.rule is Rule.ONE_OF:
        return one_of(value, field.choices)
    return _RULES[field.rule](value)


def derived(column: Derived) -> pl.Expr:
    """A column that has no source of its own, from stripped or cleaned columns."""
    return _DERIVED[column.by](pl.col(column.of))


def name(value: pl.Expr) -> pl.Expr:
    """Inner white space collapsed to one space, then title case as Python's `str.title`."""
    single = value.str.replace_all(f"{_SPACE}+", " ")
    return single.map_batches(_titled, return_dtype=pl.String, is_elementwise=True)


def _titled(values: pl.Series) -> pl.Series:
    # one call for the whole batch: a line feed starts a word as the start of a text does.
    there = values.drop_nulls()
    if there.is_empty():
        return values
    titled = pl.Series("\n".join(there.to_list()).title().split("\n"), dtype=pl.String)
    if there.len() == values.len():
        return titled.alias(values.name)
    positions = values.is_not_null().arg_true()
    return values.scatter(positions, titled)


def one_of(value: pl.Expr, choices: Sequence[str]) -> pl.Expr:
    """The choice that equals the value when both are lower-cased."""
    return _any_case(value, {choice.lower(): choice for choice in choices})


def state(value: pl.Expr) -> pl.Expr:
    """A state's name, from its name in any case or its code."""
    by_code = {code.lower(): name for code, name in STATES.items()}
    return _any_case(value, by_code | {name.lower(): name for name in STATES.values()})


def _any_case(value: pl.Expr, known: dict[str, str]) -> pl.Expr:
    def rule(distinct: pl.Expr) -> pl.Expr:
        return distinct.str.to_lowercase().replace_strict(
            known, default=None, return_dtype=pl.String
        )

    return _by_distinct(value, rule, pl.String())


def email(value: pl.Expr) -> pl.Expr:
    """An address, repaired."""
    parts = value.str.to_lowercase().str.split("@")
    many = parts.list.len() > 2
    parts = (
        pl.when(many)
        .then(parts.list.eval(pl.element().filter(pl.element() != "")))
        .otherwise(parts)
    )
    local = parts.list.get(-2, null_on_oob=True).str.replace_all(r"[^a-z0-9._+-]", "")
    domain = (
        parts.list.get(-1, null_on_oob=True)
        .str.replace(r"\.om$", ".com")
        .str.replace("^gmial[.]com$", "gmail.com")
        .str.replace("^hotmaill?[.]com$|^hotmai[.]com$", "hotmail.com")
    )
    valid = (
        (parts.list.len() >= 2)
        & (local != "")
        & domain.str.contains(r"^[a-z0-9-]+(?:\.[a-z0-9-]+)+$")
    )
    return pl.when(valid).then(pl.concat_str(local, pl.lit("@"), domain))


def day(value: pl.Expr) -> pl.Expr:
    """A date, or the day of a timestamp in UTC: docs/contract.md#date."""
    return _by_distinct(value, lambda distinct: _any_moment(distinct).dt.date(), pl.Date())


def moment(value: pl.Expr) -> pl.Expr:
    """A timestamp in UTC; a bare date is midnight: docs/contract.md#timestamp."""
    return value.map_batches(_moments, return_dtype=pl.Datetime("us"), is_elementwise=True)


def _moments(values: pl.Series) -> pl.Series:
    """The usual spelling at once; what else there is, apart."""
    usual = values.str.contains(_USUAL_MOMENT)
    moments = values.str.to_datetime(_SECONDS, time_unit="us", strict=False, cache=False)
    places = (~usual).arg_true()
    if places.is_empty():
        return moments
    others = values.gather(places).to_frame("value").select(_any_moment(pl.col("value")))
    return moments.scatter(places, others.to_series())


def _any_moment(value: pl.Expr) -> pl.Expr:
    # Polars alone would also take 2025-1-1, +2025-01-01 and a 60th second.
    part = value.str.extract_groups(_MOMENT).struct
    text = pl.concat_str(part.field("day"), part.field("time").fill_null("00:00:00"), separator=" ")
    fraction = part.field("fraction").fill_null("").str.pad_end(6, "0").str.head(6)
    ahead = part.field("hours").cast(pl.Int64) * 60 + part.field("minutes").fill_null("0").cast(
        pl.Int64
    )
    signed = pl.when(part.field("sign") == "-").then(-ahead).otherwise(ahead).fill_null(0)
    moment = (
        text.str.to_datetime(_SECONDS, time_unit="us", strict=False)
        + pl.duration(microseconds=fraction.cast(pl.Int64), time_unit="us")
        - pl.duration(minutes=signed, time_unit="us")
    )
    epoch = pl.when(value.str.contains(_EPOCH)).then(value)
    since = epoch.str.head(16).str.pad_end(16, "0").cast(pl.Int64).cast(pl.Datetime("us"))
    return pl.when(moment.is_between(_FIRST, _LAST)).then(moment).otherwise(since)


def _by_distinct(value: pl.Expr, rule: Callable[[pl.Expr], pl.Expr], dtype: pl.DataType) -> pl.Expr:
    """The rule, asked once for each distinct value of a batch: most columns have few."""

    def mapped(values: pl.Series) -> pl.Series:
        distinct = values.unique()
        column = pl.col(values.name)
        if distinct.len() * 2 >= values.len():
            return values.to_frame().select(rule(column)).to_series()
        results = distinct.to_frame().select(rule(column)).to_series()
        return values.replace_strict(distinct, results, return_dtype=dtype)

    return value.map_batches(mapped, return_dtype=dtype, is_elementwise=True)


def zip_code(address: pl.Expr) -> pl.Expr:
    """The last word's five digits, where it is a ZIP or ZIP+4 code."""
    return address.str.extract(f"(?:^|{_SPACE})([0-9]{{5}})(?:-[0-9]{{4}})?$", 1)


def state_code(address: pl.Expr) -> pl.Expr:
    """The second last word without trailing commas, where it is a state's code."""
    word = address.str.extract(f"({_WORD}+){_SPACE}+{_WORD}+$", 1)
    code = word.str.strip_chars_end(",").str.to_uppercase()
    return pl.when(code.is_in(list(STATES))).then(code)


def _state_of(address: pl.Expr) -> pl.Expr:
    return state_code(address).replace_strict(STATES, default=None, return_dtype=pl.String)


def _as_it_is(value: pl.Expr) -> pl.Expr:
    return value


_RULES: dict[Rule, Callable[[pl.Expr], pl.Expr]] = {
    Rule.TEXT: _as_it_is,
    Rule.ADDRESS: _as_it_is,
    Rule.NAME: name,
    Rule.EMAIL: email,
    Rule.STATE: state,
    Rule.DATE: day,
    Rule.TIMESTAMP: moment,
}
_DERIVED: dict[Derivation, Callable[[pl.Expr], pl.Expr]] = {
    Derivation.ZIP_CODE: zip_code,
    Derivation.STATE_CODE: state_code,
    Derivation.STATE_NAME: _state_of,
    Derivation.DAY: lambda timestamp: timestamp.dt.date(),
}


def schema(entity: Entity) -> pl.Schema:
    """Names and types of an entity's canonical columns."""
    return pl.Schema({column: DTYPES[kind] for column, kind in entity.sql_types().items()})
