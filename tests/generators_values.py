"""Values for every rule of docs/contract.md#fields: good, repairable, bad, and noise.

Pools are plain lists, so that tests with many rows can draw from them without hypothesis.
"""

from functools import cache

from hypothesis import strategies as st

from tests.oracle.entities import CHOICES, STATES

WHITE_SPACE = [chr(code) for code in range(0x3001) if chr(code).isspace()]
INVISIBLE = ["\u200b", "\u200c", "\u200d", "\u2060", "\ufeff"]
ALMOST_WHITE = [*INVISIBLE, "\u180e", "\u00ad", "\u200e", "\u2061", "\x08", "\x1b"]
NOTHING = [None, "", " ", "\t\n", "\u00a0", "\u2003\u2028", "\x1c\x85", "\ufeff", "\u200b \u2060"]
WORDS_FOR_NOTHING = ["NULL", "null", "None", "NaN", "nan", "N/A", "\\N", "\\.", "-", '"', '""', "0"]

# letters whose case is special, cased non-letters, letters without case, marks, other planes.
LETTERS = [
    *"aZoméÉßẞŉǆǅǄİıſΣςσΐᾳᾼωև",
    *"ﬁﬂﬃǰ\u212a\u212bµªºʰⅧⅷⓐⒶ",
    *"\u0301\u0308\u0345\u0327",
    *"李アдДأ한कიᲘꭰᎠ𐐨𐐀𝐀𝒂๑١१1",
    *"'’-. _/\\,;\"@&",
]
ANY_CHARACTER = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
TEXT = st.text(st.sampled_from(LETTERS + WHITE_SPACE + ALMOST_WHITE), max_size=12) | st.text(
    ANY_CHARACTER, max_size=8
)

NAMES = [
    "Ann Lee",
    "o'brien",
    "MARY-JANE",
    "mcdonald",
    "jean  luc\u00a0\u2009picard",
    "d’arc\njoan",
    "ÉLODIE o\u0301 dálaigh",
    "straße ßen",
    "ŉikola ǆurđa",
    "İPEK ılık",
    "ΟΔΥΣΣΕΥΣ Σ",
    "李 小龙",
    "иВАН пЕТРОВ",
    "ﬁona ﬂynn",
    "3com x2y",
    "Null",
    "naïve\u2028line",
    "a\x1fb",
    "ა ᲐᲑ",
    "ⅷ ⓐⓑ",
]
EMAILS = [
    "ann.lee@gmail.com",
    "Ann.Lee+News@Example.CO.UK",
    "ann@@gmail.com",
    "ann@lee@gmial.com",
    "ann@lee@eve@hotmai.com",
    "@ann@hotmai.com@",
    "a n n@hotmaill.om",
    "an(n)é@yahoo.om",
    "İ\u212a@gmail.com",
    "ß@gmail.com",
    "李@gmail.com",
    "ann",
    "ann@",
    "@gmail.com",
    "@@",
    "ann@gmail",
    "ann@gmail..com",
    "ann@.om",
    "ann@ gmail.com",
    "ann@gm ail.com",
    "ann@gmail.com.",
    "ann@gmail.com\u200b",
    "ann@gmaİl.com",
    "ann@hotmai.om.om",
    "ann@x.gmial.com",
    "-@-.-",
]
EMAIL_PARTS = [
    *["@", "@", ".", ".om", ".com", "gmail", "gmial", "hotmai", "hotmaill", "hotmail.com"],
    *[
        "ann",
        "A",
        "é",
        "\u212a",
        "İ",
        "ſ",
        "Σ",
        "_",
        "+",
        "-",
        "7",
        "٣",
        " ",
        "\u00a0",
        "\n",
        '"',
        ",",
    ],
]
STREETS = ["1 High St,", "Unit 7, Box 9", "Troy,", "İzmir", "Main\u00a0Road", "PSC 1\nAPO", ""]
STATE_WORDS = [
    *["NY", "ny", "Ca,", "tX,,", "AE", "ap,", "aa", "PR", "vi", "DC,", "FM", "mh", "PW"],
    *["York", ",NY", "NY.", "N Y", "ıl", "ﬂ", "ſc", "XX", "NYC", ",", ",,", "ＮＹ", "NY,\u200b"],
]
ZIP_WORDS = [
    *["12180", "00802", "12180-1234", "1218", "121800", "12180-123", "12180-12345", "12180-"],
    *["-12180", "12180,", "１２１８０", "١٢١٨٠", "12180–1234", "1218O", "12180-1234-1", "zip"],
]
STATES_OF_AGENTS = [
    *STATES,
    *STATES.values(),
    *["new york", "OHIO", "ny", "dIsTrIcT oF cOlUmBiA", "New  York", "Ontario", "N.Y.", "ıllinois"],
    *["ﬂorida", "tx,", "new york", "İowa", "O\u212alahoma"],
]
DATES = [
    *["2025-11-20", "2024-02-29", "0001-01-01", "9999-12-31", "2000-02-29", "2025-11-19"],
    *["2025-11-20 10:11:12", "2025-11-20T10:11:12", "2025-11-20 00:00:00.000000"],
    *["2025-11-20 10:11:12.1", "2025-11-20T10:11:12.123456", "2025-11-20 23:59:59.999999"],
    *["2025-02-29", "1900-02-29", "2025-11-31", "2025-13-01", "2025-00-10", "2025-01-00"],
    *["0000-01-01", "2025-1-1", "20251120", "2025/11/20", "20-11-2025", "25-11-20"],
    *["2025-11-20 24:00:00", "2025-11-20 23:60:00", "2025-11-20 23:59:60", "2025-11-20 10:11"],
    *["2025-11-20 10:11:12.", "2025-11-20 10:11:12.1234567891", "2025-11-20 10:11:12,5"],
    *["2025-11-20 10:11:12.1234567", "2025-11-20T10:11:12.123456789+00:00"],
    *["2025-11-20 01:11:12+02", "2025-11-20T23:11:12-0130", "2025-11-20 01:11:12.25 +05:30"],
    *["2025-11-20 10:11:12+24", "2025-11-20 10:11:12+00:60", "2025-11-20 10:11:12+1:00"],
    *["2025-11-20Z", "2025-11-20 10:11:12  Z", "2025-11-20 10:11:12z", "2025-11-20 10:11:12 GMT"],
    *["0001-01-01 00:59:59+01", "0001-01-01 01:00:00+01", "9999-12-31 23:00:00 -01"],
    *["1763596800123", "1763596800123456", "1763596800123456789", "9999999999999999999"],
    *["176359680", "17635968001", "0000000000", "-1763596800", "1763596800.0"],
    *["2025-11-20t10:11:12", "2025-11-20  10:11:12", "2025-11-20\u00a010:11:12"],
    *["2025-11-20T10:11:12Z", "2025-11-20 10:11:12+00", "2025-11-20 10:11:12 UTC"],
    *["2025-11-20 10:11:12 AM", "2025-11-20 1:11:12", "2025-11-20 10:11:12.5 "],
    *["２０２５-11-20", "2025-11-2٠", "2025‑11‑20", "+2025-11-20", "-2025-11-20", "12025-11-20"],
    *["today", "now", "infinity", "epoch", "0", "1763596800", "20 Nov 2025", "2025-W47-4"],
]
KEYS = [
    *["1319", "1319.0", "01319", "1319 ", "x1", "X1", "é", "e\u0301", "NULL", "\\N", "a,b", 'a"b'],
    *["a\nb", "a\\tb", "{1}", "ß", "ss", "a\u200b", "%s", "'"],
    *["1,319", "1,319.00", "1319.5", "1,31", "1319.", "-5.0", "+7", "0.0", "-0.0", "12,345,678"],
    *["1.319", "1,319,", "0,319", "1319e0", "١٣١٩.0"],
]


def _choices(field: str) -> list[str]:
    """Every choice in many spellings, and values that only look like one."""
    options = CHOICES[field]
    spellings = [
        spelled
        for option in options
        for spelled in (option, option.lower(), option.upper(), option.swapcase())
    ]
    # the Kelvin sign is a k once lowered, the dotted I no i and the long s no s.
    looks = [option.replace("k", "\u212a").replace("K", "\u212a") for option in options]
    looks += [option.replace("I", "İ").replace("i", "İ") for option in options]
    looks += [option.replace("s", "ſ").replace("S", "ſ") for option in options]
    looks += [option.replace(" ", "  ").replace("-", " ") + "." for option in options]
    return [*spellings, *looks, "Other"]


POOLS: dict[str, list[str]] = {
    "key": KEYS,
    "name": NAMES,
    "email": EMAILS,
    "address": [
        f"{street} {state} {code}"
        for street in STREETS[:2]
        for state in STATE_WORDS
        for code in ZIP_WORDS[:3]
    ]
    + ["nowhere", "12180", "NY", "NY 1", "1 High St, New York 12180"],
    "state": STATES_OF_AGENTS,
    "date": DATES,
    "timestamp": DATES,
    **{field: _choices(field) for field in CHOICES},
}

_SPACES = st.text(st.sampled_from(WHITE_SPACE + INVISIBLE), min_size=1, max_size=2)
_MOMENT = st.builds(
    "{:04}-{:02}-{:02}{}".format,
    st.sampled_from([0, 1, 1899, 1900, 2000, 2023, 2024, 2025, 9999]),
    st.integers(0, 13),
    st.integers(0, 32),
    st.just("")
    | st.builds(
        "{}{:02}:{:02}:{:02}{}".format,
        st.sampled_from([" ", "T", "t", "_"]),
        st.integers(0, 24),
        st.integers(0, 60),
        st.integers(0, 60),
        st.just("") | st.text("0123456789", max_size=10).map(".{}".format),
    ),
)
_ZONED = st.builds(
    "{}{}{}".format,
    _MOMENT,
    st.sampled_from(["", " ", "  "]),
    st.sampled_from(["Z", "UTC", "z", "+0"])
    | st.builds(
        "{}{:02}{}{}".format,
        st.sampled_from("+-−"),
        st.integers(0, 25),
        st.sampled_from(["", ":"]),
        st.just("") | st.integers(0, 61).map("{:02}".format),
    ),
)
_DIGITS = st.text("0123456789", min_size=9, max_size=20)
_NOISE: dict[str, st.SearchStrategy[str]] = {
    "email": st.lists(st.sampled_from(EMAIL_PARTS), min_size=1, max_size=8).map("".join),
    "address": st.builds(
        "{}{}{}{}{}".format,
        st.sampled_from(STREETS),
        _SPACES,
        st.sampled_from(STATE_WORDS),
        _SPACES,
        st.sampled_from(ZIP_WORDS),
    ),
    "date": _MOMENT | _ZONED | _DIGITS,
    "timestamp": _MOMENT | _ZONED | _DIGITS,
    "key": st.builds(
        "{}{}{}".format,
        st.sampled_from(["", "", "-", "+", "0"]),
        st.lists(st.integers(0, 1500).map(str), min_size=1, max_size=3).map(",".join),
        st.sampled_from(["", ".", ".0", ".00", ".5", ".01", ",0", ".0.0"]),
    ),
}


@st.composite
def _changed(draw: st.DrawFn, values: st.SearchStrategy[str]) -> str:
    """A value with one character put in, left out or replaced."""
    value = draw(values)
    place = draw(st.integers(0, len(value)))
    other = draw(st.sampled_from(["", *LETTERS, *WHITE_SPACE, *ALMOST_WHITE]))
    return value[:place] + other + value[place + draw(st.integers(0, 1)) :]


def decorated(values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Values with white space around them."""
    return st.builds("{}{}{}".format, _SPACES | st.just(""), values, _SPACES)


@cache
def cells(rule: str) -> st.SearchStrategy[str | None]:
    """What a source may hold where this rule applies; shrinks towards the rule's good values."""
    pool = st.sampled_from(POOLS[rule])
    return st.one_of(
        pool,
        pool,
        pool,
        _NOISE.get(rule, TEXT),
        decorated(pool),
        _changed(pool),
        st.sampled_from([*NOTHING, *WORDS_FOR_NOTHING]),
        TEXT,
    )
