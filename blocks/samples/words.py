"""Words that sample people and addresses are made of. All of it is invented."""

import unicodedata
from random import Random
from typing import NamedTuple


def _split(words: str, separator: str = " ") -> tuple[str, ...]:
    return tuple(words.split(separator))


# given name and gender, the common ones first: they are drawn by a skewed number.
GIVEN: tuple[tuple[str, str], ...] = tuple(
    (name, gender)
    for women, men in (
        (
            "Mary Linda Susan Karen Nancy Sandra Ashley Emily Donna Michelle Amanda Melissa",
            "James Robert John Michael David William Richard Thomas Daniel Matthew Anthony Mark",
        ),
        (
            "Adaeze Chiamaka Mary-Jane Zoë Noémie Ngọc Şebnem Oluwaseun Łucja Ольга 美咲 Μαρία",
            "José Łukasz Jürgen Søren Tunde Emeka Jean-Luc İlker Андрей 伟 Γιώργος आरव",
        ),
    )
    for pair in zip(women.split(), men.split(), strict=True)
    for name, gender in zip(pair, "FM", strict=True)
)
FAMILY = _split(
    "Smith Johnson Williams Brown Jones Garcia Miller Davis Rodriguez Martinez Hernandez Wilson "
    "Anderson Taylor Moore Jackson Lee Perez Thompson White Harris Sanchez Clark Lewis Robinson "
    "O'Brien Mcdonald D'Angelo Saint-Pierre Okafor Adeyemi Nwosu Balogun Núñez Müller Łukasiewicz "
    "Đặng Ångström Yıldız Weiß Kovačević Иванов Петренко 王 佐藤 Παπαδόπουλος शर्मा Nakamura"
)
# people whom a careless reader takes for missing values.
PITFALLS = ("Null", "Jennifer Null", "None", "NaN", "NULL")

_STREETS = _split(
    "Oak Maple Cedar Elm Pine Lincoln Washington Jefferson Park Lake Hill River Church Mill "
    "Sunset Highland Orchard Willow Meadow Franklin Peña Cañada"
)
_KINDS = _split("Street Avenue Road Drive Lane Court Boulevard")
_CITIES = _split(
    "Springfield|Riverton|Fairview|Georgetown|Salem|Madison|Clinton|Greenville|Bristol|Dover|"
    "Port Harmon|New Aldham|Lake Brennan|East Corwin|San Ramiro|Saint Odile|North Tamsin|Ashford",
    "|",
)


class State(NamedTuple):
    """A state or territory; `zip_prefix` is where most of its zip codes begin."""

    code: str
    name: str
    weight: int
    zip_prefix: str


STATES = tuple(
    State(code, name, int(weight), zip_prefix)
    for code, name, weight, zip_prefix in (
        entry.split(":")
        for line in (
            "CA:California:39:90|TX:Texas:30:75|FL:Florida:22:33|NY:New York:20:10",
            "PA:Pennsylvania:13:17|IL:Illinois:12:60|OH:Ohio:12:44|GA:Georgia:11:30",
            "NC:North Carolina:11:27|MI:Michigan:10:48|NJ:New Jersey:9:07|VA:Virginia:9:23",
            "WA:Washington:8:98|AZ:Arizona:7:85|TN:Tennessee:7:37|MA:Massachusetts:7:02",
            "IN:Indiana:7:46|MO:Missouri:6:63|MD:Maryland:6:21|WI:Wisconsin:6:53",
            "CO:Colorado:6:80|MN:Minnesota:6:55|SC:South Carolina:5:29|AL:Alabama:5:35",
            "LA:Louisiana:5:70|KY:Kentucky:5:40|OR:Oregon:4:97|OK:Oklahoma:4:73",
            "CT:Connecticut:4:06|UT:Utah:3:84|IA:Iowa:3:50|NV:Nevada:3:89|AR:Arkansas:3:72",
            "MS:Mississippi:3:39|KS:Kansas:3:66|NM:New Mexico:2:87|NE:Nebraska:2:68",
            "ID:Idaho:2:83|WV:West Virginia:2:25|HI:Hawaii:2:96|NH:New Hampshire:2:03",
            "ME:Maine:2:04|RI:Rhode Island:2:02|MT:Montana:2:59|DE:Delaware:1:19",
            "SD:South Dakota:1:57|ND:North Dakota:1:58|AK:Alaska:1:99|VT:Vermont:1:05",
            "WY:Wyoming:1:82|DC:District of Columbia:1:20|PR:Puerto Rico:3:00",
            "VI:Virgin Islands:1:00|GU:Guam:1:96|AS:American Samoa:1:96",
            "MP:Northern Mariana Islands:1:96|FM:Federated States of Micronesia:1:96",
            "MH:Marshall Islands:1:96|PW:Palau:1:96|AA:Armed Forces Americas:1:34",
            "AE:Armed Forces Europe:1:09|AP:Armed Forces Pacific:1:96",
        )
        for entry in line.split("|")
    )
)
STATE_NAMES = {state.code: state.name for state in STATES}
_WEIGHTS = tuple(state.weight for state in STATES)


def skewed(rng: Random, size: int) -> int:
    """An index below `size`, the low ones far more often.

    Multiplied and not raised to a power: that is exact, so the same on every machine.
    """
    number = rng.random()
    return int(size * number * number)


def person(rng: Random) -> tuple[str, str]:
    """A name and a gender."""
    given, gender = GIVEN[skewed(rng, len(GIVEN))]
    return f"{given} {FAMILY[skewed(rng, len(FAMILY))]}", gender


def mailbox(name: str, number: int) -> str:
    """The local part of an e-mail address, in ASCII whatever the name's script."""
    ascii_name = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    words = ["".join(c for c in word if c.isalnum()) for word in ascii_name.split()]
    return f"{'.'.join(word for word in words if word) or 'customer'}{number}"


def address(seed: int) -> str:
    """A postal address, some over two lines; the same one for the same seed."""
    rng = Random(seed)
    state = rng.choices(STATES, _WEIGHTS)[0]
    zip_code = f"{state.zip_prefix}{rng.randrange(1000):03}"
    line_break = "\n" if rng.random() < 0.1 else ", "
    if state.name.startswith("Armed Forces"):
        return (
            f"PSC {rng.randrange(100, 9999)}, Box {rng.randrange(1, 9999)}{line_break}"
            f"APO {state.code} {zip_code}"
        )
    unit = f" Apt. {rng.randrange(1, 400)}" if rng.random() < 0.2 else ""
    unit = ' "Annex"' if unit and rng.random() < 0.05 else unit
    street = f"{rng.randrange(1, 9900)} {rng.choice(_STREETS)} {rng.choice(_KINDS)}{unit}"
    return f"{street}{line_break}{rng.choice(_CITIES)}, {state.code} {zip_code}"
