#!/usr/bin/python3
"""tests/lib/validate.py SCHEMA: checks the JSON document on standard input against a schema of tests/data."""
import json, pathlib, sys, warnings

warnings.simplefilter("ignore")  # of a resolver that newer versions want to be another
import jsonschema

path = pathlib.Path(sys.argv[1]).resolve()
schema = json.loads(path.read_text())
schema.pop("id", None)  # its own name would lead references to the network
resolver = jsonschema.RefResolver(path.as_uri(), schema)
errors = list(jsonschema.Draft4Validator(schema, resolver=resolver).iter_errors(json.load(sys.stdin)))
for error in errors:
    print("/".join(map(str, error.path)), error.message, file=sys.stderr)
sys.exit(bool(errors))
