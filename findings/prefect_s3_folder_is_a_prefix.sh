#!/usr/bin/env bash
# prefect-aws: S3Bucket's folders are beginnings of keys, and bucket_folder is no fence.
#
# One would guess: list_objects("call") lists the folder call/, and list_objects() what is in bucket_folder.
# What is so: both list every key that begins with these letters: call_logs/ too, and with bucket_folder="raw"
# even rawer/ next to it. download_folder_to_path then fails on the first such neighbour (ValueError).
# For a pipeline: end a folder with a slash, and look at the keys that come back.
#
# Seen (Python 3.11, 2026-11-28):
#   prefect-aws 0.7.12 · moto 5.2.5
#   list_objects('call'): raw/call/a.csv raw/call_logs/b.csv
#   list_objects('call/'): raw/call/a.csv
#   list_objects(''): raw/call/a.csv raw/call_logs/b.csv rawer/c.csv
#   download_folder_to_path('call'): ValueError
set -euo pipefail

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq --disable-pip-version-check \
    'prefect==3.9.1' 'prefect-aws==0.7.12' 'moto[server]==5.2.5'
cd "$dir"
export PREFECT_HOME="$dir/home" PREFECT_LOGGING_LEVEL=CRITICAL

cat >demo.py <<'PY'
import contextlib
import io
import logging
from importlib.metadata import version

from moto.server import ThreadedMotoServer
from prefect_aws import AwsClientParameters, AwsCredentials, S3Bucket

print(*(f"{name} {version(name)}" for name in ("prefect-aws", "moto")), sep=" · ")
logging.disable(logging.CRITICAL)
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
with contextlib.redirect_stdout(io.StringIO()):
    server.start()
credentials = AwsCredentials(
    aws_access_key_id="any",
    aws_secret_access_key="any",
    region_name="us-east-1",
    aws_client_parameters=AwsClientParameters(
        endpoint_url=f"http://127.0.0.1:{server.get_host_and_port()[1]}"
    ),
)
client = credentials.get_s3_client()
client.create_bucket(Bucket="lake")
for key in ("raw/call/a.csv", "raw/call_logs/b.csv", "rawer/c.csv"):
    client.put_object(Bucket="lake", Key=key, Body=b"")
bucket = S3Bucket(bucket_name="lake", bucket_folder="raw", credentials=credentials)
seen = {
    folder: [found["Key"] for found in bucket.list_objects(folder)]
    for folder in ("call", "call/", "")
}
for folder, keys in seen.items():
    print(f"list_objects({folder!r}):", *keys)
try:
    bucket.download_folder_to_path("call", "copy")
    error = ""
except ValueError as problem:
    error = type(problem).__name__
print("download_folder_to_path('call'):", error or "done")
server.stop()
raise SystemExit(error != "ValueError" or [len(keys) for keys in seen.values()] != [2, 1, 3])
PY
venv/bin/python demo.py
