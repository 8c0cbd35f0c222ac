"""Where the data lives and how to reach it: platforms, stores, databases, settings, errors."""
