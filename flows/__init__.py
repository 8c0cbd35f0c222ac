"""Order, and nothing else: which stage waits for which."""
