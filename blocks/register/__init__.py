"""`python -m blocks.register`: a platform block made from settings, every part checked first."""
