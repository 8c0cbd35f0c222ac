"""Bronze to silver: what each value and row becomes. No Prefect, no database."""
