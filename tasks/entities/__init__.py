"""What an entity is: its declaration, its columns, what stages hand each other. No Prefect."""
