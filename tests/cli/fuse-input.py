#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""fuse-input.py ARCHIVE DIFF ID OUT: an engine's archive with the tar DIFF for its changes, without deletions, and
with the image ID ID in its config.dump."""
import io
import json
import sys
import tarfile

archive, diff, image, out = sys.argv[1:]
with tarfile.open(archive) as src, tarfile.open(out, "w", format=tarfile.PAX_FORMAT) as dst:
    for t in src:
        data = src.extractfile(t).read() if t.isreg() else b""
        if t.name == "deleted.files":
            continue
        if t.name == "config.dump":
            data = data.replace(json.loads(data)["rootfsImageID"].encode(), image.encode())
        if t.name == "rootfs-diff.tar":
            with open(diff, "rb") as f:
                data = f.read()
            t.size = len(data)
        dst.addfile(t, io.BytesIO(data))
