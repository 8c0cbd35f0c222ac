"""docs/contract.md#strip and #keys: step 1, of every value and of keys and references."""

INVISIBLE = "\u200b\u200c\u200d\u2060\ufeff"


def strip(value: str | None) -> str | None:
    """Without outer white space and invisible characters; nothing left is None.

    >>> strip("\\u00a0\\u200b None\\x1f\\ufeff"), strip(" \\u2028"), strip("\\u2060"), strip("")
    ('None', None, None, None)
    """
    characters = list(value or "")
    while characters and (characters[0].isspace() or characters[0] in INVISIBLE):
        characters.pop(0)
    while characters and (characters[-1].isspace() or characters[-1] in INVISIBLE):
        characters.pop()
    return "".join(characters) or None


def strip_key(value: str | None) -> str | None:
    """The same for keys and references; a whole number that a tool rewrote is that number again.

    >>> [strip_key(value) for value in ("1319.0", "1,319", "-12,345,678.00", " 1319\\u200b", "0.0")]
    ['1319', '1319', '-12345678', '1319', '0']
    >>> [strip_key(value) for value in ("1319.5", "01319", "1,31", "01319.0", "1319.", "+7.0")]
    ['1319.5', '01319', '1,31', '01319.0', '1319.', '+7.0']
    """
    text = strip(value)
    if text is None:
        return None
    whole, point, decimals = text.partition(".")
    if point and (not decimals or decimals.strip("0")):
        return text
    sign = "-" if whole.startswith("-") else ""
    first, *groups = whole[len(sign) :].split(",")
    if any(len(group) != 3 for group in groups) or (groups and len(first) > 3):
        return text
    digits = "".join([first, *groups])
    if not (digits.isascii() and digits.isdigit()) or not first:
        return text
    if first.startswith("0") and (sign or groups or first != "0"):
        return text  # no tool writes a whole number so
    return sign + digits
