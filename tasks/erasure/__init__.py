"""Removing people who were erased from the lake's files and the database's tables. No Prefect."""
