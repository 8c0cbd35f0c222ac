"""The codes and names of US states, territories and military mail."""

_LISTED = """
AL Alabama; AK Alaska; AZ Arizona; AR Arkansas; CA California; CO Colorado; CT Connecticut;
DE Delaware; FL Florida; GA Georgia; HI Hawaii; ID Idaho; IL Illinois; IN Indiana; IA Iowa;
KS Kansas; KY Kentucky; LA Louisiana; ME Maine; MD Maryland; MA Massachusetts; MI Michigan;
MN Minnesota; MS Mississippi; MO Missouri; MT Montana; NE Nebraska; NV Nevada;
NH New Hampshire; NJ New Jersey; NM New Mexico; NY New York; NC North Carolina;
ND North Dakota; OH Ohio; OK Oklahoma; OR Oregon; PA Pennsylvania; RI Rhode Island;
SC South Carolina; SD South Dakota; TN Tennessee; TX Texas; UT Utah; VT Vermont; VA Virginia;
WA Washington; WV West Virginia; WI Wisconsin; WY Wyoming; DC District of Columbia;
PR Puerto Rico; VI Virgin Islands; GU Guam; AS American Samoa; MP Northern Mariana Islands;
FM Federated States of Micronesia; MH Marshall Islands; PW Palau; AA Armed Forces Americas;
AE Armed Forces Europe; AP Armed Forces Pacific
"""
STATES = dict(entry.strip().split(" ", 1) for entry in _LISTED.split(";"))
