"""Source to bronze: readers of files, tables and sheets. No Prefect."""
