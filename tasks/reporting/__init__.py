"""What people see of a run: progress, summary, texts. No Prefect."""
