#!/usr/bin/env python3
"""A client of the Kubernetes CRI: makes one call, prints the answer.

    cri.py SOCKET METHOD [REQUEST]

The request is JSON by the names of cri.proto, and so is the answer, in full (but bytes
as text). A call that fails prints "CODE: DETAILS" on standard error and ends with 1. Where protoc(1) has put the module
that it makes of cri.proto is for $PYTHONPATH to say.
"""
import base64
import sys

import cri_pb2
import grpc
from google.protobuf import json_format

socket, name, *request = sys.argv[1:]
method = next(method for service in cri_pb2.DESCRIPTOR.services_by_name.values()
              for method in service.methods if method.name == name)
ask, answer = (getattr(cri_pb2, kind.name) for kind in (method.input_type, method.output_type))

with grpc.insecure_channel("unix://" + socket) as channel:
    call = channel.unary_unary(f"/{method.containing_service.full_name}/{name}", ask.SerializeToString, answer.FromString)
    try:
        got = call(json_format.Parse(*request or ["{}"], ask()), timeout=300, wait_for_ready=True)
    except grpc.RpcError as error:
        sys.exit(f"{error.code().name}: {error.details()}")

shown = json_format.MessageToDict(got, preserving_proto_field_name=True, including_default_value_fields=True)
for field in ("stdout", "stderr"):
    if field in shown:
        shown[field] = base64.b64decode(shown[field]).decode()
print(json_format.json.dumps(shown))
