"""What goes wrong with sample values: for every rule, forms that it repairs and forms it refuses.

A form is a function of the value alone, so that a person's dirt is the same on every run date.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from random import Random

from blocks.samples.words import STATE_NAMES

Form = Callable[[str], str]


def _always(text: str) -> Form:
    return lambda value: text


def _words(value: str) -> list[str]:
    return value.split(" ")


def _state_instead_of_code(value: str) -> str:
    *head, code, zip_code = _words(value)
    return " ".join([*head, STATE_NAMES[code], zip_code])


def _domain(domain: str) -> Form:
    return lambda value: f"{value.split('@')[0]}@{domain}"


_PADDED: tuple[Form, ...] = (
    lambda value: f" {value}",
    lambda value: f"{value}  ",
    lambda value: f"\t{value}\u00a0",
    lambda value: f"\u3000{value}",
)
_BLANK: tuple[Form, ...] = (_always(""), _always("   "))
_CASES: tuple[Form, ...] = (str.lower, str.upper, str.swapcase)
_DATES: tuple[Form, ...] = (
    lambda value: f"{value} 00:00:00",
    lambda value: f"{value}T09:30:00",
    lambda value: f"{value} 18:05:59.250000",
    lambda value: "/".join(reversed(value.split("-"))),
    lambda value: f"{value[:4]}-02-30",
    lambda value: value.replace("-", "."),
    _always("unknown"),
)
_EMAILS: tuple[Form, ...] = (
    str.upper,
    lambda value: value.replace("@", "@@"),
    lambda value: f"home@{value}",
    lambda value: value.replace("@", " (home)!@"),
    lambda value: f"é{value}",
    lambda value: f"{value.rsplit('.', 1)[0]}.om",
    _domain("gmial.com"),
    _domain("gmial.om"),
    _domain("hotmai.com"),
    _domain("hotmaill.com"),
    lambda value: f"{value.split('@')[0]}@",
    lambda value: value.replace("@", " at "),
    _domain("localhost"),
    _domain("mail..com"),
    lambda value: f"王@{value.split('@')[1]}",
)
_ADDRESSES: tuple[Form, ...] = (
    lambda value: f"{value}-{value[-4:]}",
    lambda value: " ".join([*_words(value)[:-2], _words(value)[-2].lower(), value[-5:]]),
    lambda value: " ".join([*_words(value)[:-2], f"{_words(value)[-2]},", value[-5:]]),
    lambda value: " ".join(_words(value)[:-1]),
    lambda value: " ".join([*_words(value)[:-2], value[-5:]]),
    lambda value: " ".join([*_words(value)[:-2], "XX", value[-5:]]),
    lambda value: value[:-1],
    lambda value: f"{value} USA",
    _state_instead_of_code,
)
_TIMESTAMPS: tuple[Form, ...] = (
    lambda value: value.replace(" ", "T"),
    lambda value: f"{value}.481516",
    lambda value: f"{value.replace(' ', 'T')}.000000",
    lambda value: value[:10],
    lambda value: value[11:],
    lambda value: f"{value[:10]} 25:61:00",
    lambda value: f"{value[8:10]}/{value[5:7]}/{value[:4]} {value[11:]}",
    _always("N/A"),
)

FORMS: dict[str, tuple[Form, ...]] = {
    "reference": _PADDED,
    "name": (
        *_CASES,
        *_PADDED,
        *_BLANK,
        lambda value: value.replace(" ", "   "),
        lambda value: value.replace(" ", "\u00a0 "),
        lambda value: value.replace(" ", "\t"),
    ),
    "gender": (str.lower, *_PADDED, *_BLANK, _always("Female"), _always("X")),
    "email": (*_EMAILS, *_PADDED, *_BLANK),
    "address": (*_ADDRESSES, *_PADDED, *_BLANK),
    "experience": (*_CASES, *_PADDED),  # the bad ones: see samples_static, they'd hide promotions
    "state": (*_CASES, *_PADDED, _always("Atlantis"), _always("ZZ"), *_BLANK),
    "category": (
        *_CASES,
        *_PADDED,
        *_BLANK,
        lambda value: value.replace(" ", "") + "s",
        _always("Billing"),
    ),
    "status": (
        *_CASES,
        *_PADDED,
        *_BLANK,
        _always("In Progress"),
        _always("Closed"),
    ),
    "media": (str.lower, str.title, str.swapcase, *_PADDED, *_BLANK, _always("TikTok")),
    "date": (*_DATES, *_PADDED, *_BLANK),
    "timestamp": (*_TIMESTAMPS, *_PADDED, *_BLANK),
}


FORMS["resolution"] = FORMS["date"]
_OFTENER = {"resolution": 2}  # filled in a third of the rows only


class Dirt:
    """Soils a share of what it is given, each column's forms in turn: all of them come up."""

    def __init__(self, seed: str, share: float, turn: int = 0) -> None:
        self._rng = Random(seed)
        self._share = share
        self._turn = turn
        self._used: Counter[int] = Counter()
        self._due: defaultdict[str | int, float] = defaultdict(lambda: 0.5)

    def row(self, kinds: Sequence[str], row: list[str]) -> list[str]:
        """The row, with once in a while a value in one of its kind's dirty forms."""
        columns = enumerate(zip(kinds, row, strict=True))
        return [self._value(column, kind, value) for column, (kind, value) in columns]

    def _value(self, column: int, kind: str, value: str) -> str:
        if not value or not self.now(column, self._share * _OFTENER.get(kind, 1)):
            return value
        forms = FORMS[kind]
        form = forms[(self._turn + self._used[column]) % len(forms)]
        self._used[column] += 1
        return form(value)

    def now(self, what: str | int, share: float) -> bool:
        """Whether something happens that does in this share of cases, evenly spread over them."""
        self._due[what] += share * 2 * self._rng.random()
        if self._due[what] < 1:
            return False
        self._due[what] -= 1
        return True

    def below(self, size: int) -> int:
        """A whole number from 0 to `size` - 1."""
        return self._rng.randrange(size)


def padded(row: list[str]) -> list[str]:
    """The same row once outer white space is stripped, another one before."""
    return [_PADDED[i % len(_PADDED)](value) for i, value in enumerate(row)]
