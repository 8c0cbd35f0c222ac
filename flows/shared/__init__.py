"""What the flows share; nothing here is a command."""
