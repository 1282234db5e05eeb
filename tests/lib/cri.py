#!/usr/bin/env python3
"""A client of the Kubernetes CRI.

    cri.py SOCKET

Reads calls, "METHOD REQUEST", one a line, and prints an answer for each: "0 ANSWER" or "1 CODE: DETAILS". Requests and
answers are JSON by the names of cri.proto; answers are whole, with bytes as text. Where protoc(1) has put the module that
it makes of cri.proto is for $PYTHONPATH to say.
"""
import base64
import json
import sys

import cri_pb2
import grpc
from google.protobuf import json_format

methods = {method.name: method for service in cri_pb2.DESCRIPTOR.services_by_name.values() for method in service.methods}


def make_call(channel, name, request):
    method = methods[name]
    ask, answer = (getattr(cri_pb2, kind.name) for kind in (method.input_type, method.output_type))
    path = f"/{method.containing_service.full_name}/{name}"
    call = channel.unary_unary(path, ask.SerializeToString, answer.FromString)
    got = call(json_format.Parse(request, ask()), timeout=300, wait_for_ready=True)
    shown = json_format.MessageToDict(got, preserving_proto_field_name=True, including_default_value_fields=True)
    for stream in {"stdout", "stderr"} & shown.keys():
        shown[stream] = base64.b64decode(shown[stream]).decode()
    return json.dumps(shown)


with grpc.insecure_channel("unix://" + sys.argv[1]) as opened:
    for line in sys.stdin:
        try:
            print(0, make_call(opened, *line.split(maxsplit=1)), flush=True)
        except grpc.RpcError as error:
            print(1, f"{error.code().name}: {error.details()}".replace("\n", " "), flush=True)
