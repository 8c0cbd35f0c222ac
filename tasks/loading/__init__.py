"""Silver to PostgreSQL: tables, COPY, partitions, ledger, locks. No Prefect."""
