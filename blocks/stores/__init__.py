"""Where files live: a local folder or an S3 prefix."""
