"""Microsoft's Python SDK: reads every row of three tables and compares two columns with what is wanted."""

import json
import os
import sys

from azure.identity import ClientSecretCredential
from PowerPlatform.Dataverse.client import DataverseClient

url = os.environ["EMULATOR_URL"]
credential = ClientSecretCredential(
    "0c0f0000-0000-4000-8000-00000000000a", "0c0f0000-0000-4000-8000-000000000a02", "emulator-secret",
    authority=url, disable_instance_discovery=True,
)
client = DataverseClient(url, credential)
with open(sys.argv[1]) as file:
    wanted = json.load(file)
rows = different = 0
for table, rest in wanted.items():
    for row in client.records.list(table, select=["msdyn_uniquename", "msdyn_name", "msdyn_title"]):
        # The product's own rows are nobody's here.
        if expected := rest.get(row["msdyn_uniquename"]):
            rows += 1
            different += expected != [row["msdyn_name"], row["msdyn_title"]]
print(rows, "rows,", different, "different")
