#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""same-fields.py THEIRS OURS [--but PATH]...: every field of the first JSON document is in the second one, with
the same value; what the second has besides doesn't matter. Prints what differs. --but leaves a field's name out."""
import json
import sys


def compare(a, b, path, left_out):
    if path.rsplit(".", 1)[-1] in left_out:
        return
    if isinstance(a, dict) and isinstance(b, dict):
        for key, value in a.items():
            if key in b:
                compare(value, b[key], f"{path}.{key}", left_out)
            elif key not in left_out:
                print(f"{path}.{key}: {value!r}, which is missing")
    elif isinstance(a, list) and isinstance(b, list):
        if len(a) != len(b):
            print(f"{path}: {len(a)} entries, not {len(b)}")
        for i, (x, y) in enumerate(zip(a, b)):
            compare(x, y, f"{path}[{i}]", left_out)
    elif a != b or type(a) is not type(b):
        print(f"{path}: {a!r}, not {b!r}")


theirs, ours = sys.argv[1:3]
with open(theirs) as f, open(ours) as g:
    compare(json.load(f), json.load(g), "", sys.argv[4::2])
