"""`python -m blocks.register`."""

from blocks.register.command import main

if __name__ == "__main__":
    raise SystemExit(main())
