"""A run on a terminal: command lines, live pictures, signals, the end in words."""
