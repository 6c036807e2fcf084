# SPDX-License-Identifier: LGPL-2.1-or-later
"""A process with memory of every kind, and the truth about it.

memory.py hold        map all there is, say so in ./ready, wait
memory.py truth PID   ./truth/START-END: the bytes of each area, as the kernel shows them (stop the process before)
memory.py compare PID FIRN_JSON CHECKPOINT   what firn tells of each area against that; prints differences
memory.py search PID REGEX     addresses in the truth where it is, of pages that a checkpoint has
memory.py crit PID FIRN_JSON FOLDER    pages of the process' own pagemap as crit has them
memory.py dumps OURS THEIRS    bytes of checkpointctl's hex dump that firn's hasn't got
"""
import ctypes
import json
import mmap
import os
import re
import subprocess
import sys
import time

PAGE = 4096


def address(m):
    return ctypes.addressof(ctypes.c_char.from_buffer(m))


def fill(m, pages, mark):
    for i in pages:
        text = b"%s page %06d, a text of its own; " % (mark, i)
        m[i * PAGE:(i + 1) * PAGE] = (text * (PAGE // len(text) + 1))[:PAGE]


def hold():
    keep = []
    libc = ctypes.CDLL(None, use_errno=True)
    private = mmap.mmap(-1, 64 * PAGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    fill(private, [i for i in range(64) if i % 7], b"PRIVATE")
    private[20 * PAGE:21 * PAGE] = bytes(PAGE)  # touched, and all zero
    # Two areas right beside each other, and a text over their border.
    border = b"OVER-THE-BORDER-OF-TWO-AREAS"
    private[32 * PAGE - 10:32 * PAGE - 10 + len(border)] = border
    base = address(private)
    assert libc.mprotect(ctypes.c_void_p(base + 32 * PAGE), 32 * PAGE, mmap.PROT_READ) == 0
    keep.append(private)
    shared = mmap.mmap(-1, 32 * PAGE, flags=mmap.MAP_SHARED | mmap.MAP_ANONYMOUS)
    fill(shared, range(0, 32, 3), b"SHARED")
    keep.append(shared)
    fd = os.memfd_create("firn-test")
    os.truncate(fd, 16 * PAGE)
    whole = mmap.mmap(fd, 16 * PAGE, flags=mmap.MAP_SHARED)
    fill(whole, range(2, 10), b"MEMFD")
    part = mmap.mmap(fd, 8 * PAGE, flags=mmap.MAP_SHARED, offset=4 * PAGE)
    mine = mmap.mmap(fd, 16 * PAGE, flags=mmap.MAP_PRIVATE)
    fill(mine, [5], b"MY-OWN")
    keep += [whole, part, mine]
    with open("mapped", "wb+") as f:
        f.write(b"from the file " * 3000)
        f.flush()
        file = mmap.mmap(f.fileno(), 10 * PAGE, flags=mmap.MAP_PRIVATE)
    fill(file, [4], b"CHANGED")
    keep.append(file)
    keep.append(ctypes.create_string_buffer(b"api_key=" + b"firn-secret-0123456789"))
    child = os.fork()
    if child == 0:
        shared[31 * PAGE:31 * PAGE + 16] = b"FROM-THE-CHILD.."
    else:
        while shared[31 * PAGE:31 * PAGE + 4] != b"FROM":
            time.sleep(0.01)
        with open("ready.tmp", "w") as f:
            print(os.getpid(), child, hex(base), hex(address(shared)), hex(address(whole)), hex(address(mine)), file=f)
        os.rename("ready.tmp", "ready")
    while True:
        time.sleep(1000)


def areas(pid):
    for line in open(f"/proc/{pid}/maps"):
        start, end = (int(x, 16) for x in line.split()[0].split("-"))
        yield start, end, line


def truth(pid):
    os.makedirs(f"truth-{pid}")
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as mem:
        for start, end, line in areas(pid):
            if "[vvar" in line or "[vsyscall]" in line or start >= 1 << 63:
                continue
            mem.seek(start)
            data = b""
            while len(data) < end - start:
                data += mem.read(end - start - len(data))
            with open(f"truth-{pid}/{start:x}-{end:x}", "wb") as f:
                f.write(data)


def compare(pid, listing, checkpoint):
    process = next(p for p in json.load(open(listing)) if p["pid"] == int(pid))
    known, stored = 0, 0
    for a in process["memory_areas"]:
        start, end = int(a["start"], 16), int(a["end"], 16)
        if a["kind"] in ("vvar", "vsyscall"):
            continue
        try:
            data = open(f"truth-{pid}/{start:x}-{end:x}", "rb").read()
        except FileNotFoundError:
            print("no such area:", a["start"], a["end"])
            continue
        known += 1
        there = a["pages_present"] + a["pages_parent"] + a["pages_zero"] + a["pages_untouched"]
        stored += a["pages_present"] + a["pages_parent"]
        if a["pages"] != there + a["pages_file"] or a["pages"] != (end - start) // PAGE:
            print("pages:", a)
        out = subprocess.run(["firn", "memory", "--pid", pid, "--address", f"{start:x}-{end:x}", "-o", "area.bin", checkpoint],
                             capture_output=True)
        if not there:
            continue
        if out.returncode:
            print(out.stderr)
            continue
        mine = open("area.bin", "rb").read().ljust(end - start, b"\0")
        wrong = [i for i in range(0, end - start, PAGE) if mine[i:i + PAGE] != data[i:i + PAGE]]
        # What firn hasn't got must be what the file has.
        file = open(a["path"], "rb").read()[a["offset"]:] if a["pages_file"] else b""
        for i in wrong:
            if any(mine[i:i + PAGE]) or file[i:i + PAGE].ljust(PAGE, b"\0") != data[i:i + PAGE]:
                print("differs:", hex(start + i), a)
    if known < 10 or not stored:
        print("only", known, "areas and", stored, "pages")


def search(pid, regex, listing):
    """Every match in memory that isn't a page of a file that nobody changed."""
    process = next(p for p in json.load(open(listing)) if p["pid"] == int(pid))
    for a in process["memory_areas"]:
        if a["pages_file"] or a["kind"] in ("vvar", "vsyscall"):
            continue
        data = open(f"truth-{pid}/{int(a['start'], 16):x}-{int(a['end'], 16):x}", "rb").read()
        for m in re.finditer(regex.encode(), data):
            print(hex(int(a["start"], 16) + m.start()))


def crit(pid, listing, folder):
    import pycriu
    load = lambda name: pycriu.images.load(open(f"{folder}/{name}", "rb"))["entries"]
    process = next(p for p in json.load(open(listing)) if p["pid"] == int(pid))
    pagemap = load(f"pagemap-{pid}.img")
    size = os.path.getsize(f"{folder}/pages-{pagemap[0]['pages_id']}.img")
    # CRIU 4.2 counts pages in a field that older tools don't know.
    pages = sum(e["nr_pages"] for e in pagemap[1:]) or size // PAGE
    mine = sum(a["pages_present"] for a in process["memory_areas"] if a["kind"] not in ("shared memory", "memfd"))
    private = sum(a["pages_present"] for a in process["memory_areas"] if a["kind"] == "memfd")
    vmas = [[hex(v["start"]), hex(v["end"])] for v in load(f"mm-{pid}.img")[0]["vmas"]]
    if not mine <= pages <= mine + private or size != pages * PAGE:
        print(mine, private, pages, size)
    if vmas != [[a["start"], a["end"]] for a in process["memory_areas"]]:
        print(vmas)


def dump(name, most):
    """{address: line of 16 bytes} of a hex dump; "*" stands for lines like the one before, in @most bytes."""
    lines, star, last = {}, False, 0
    for text in open(name, errors="replace"):
        m = re.match(r"([0-9a-f]{16})((?: +[0-9a-f]{2}){16})?", text)
        star = star or text.startswith("*")
        if not m:
            continue
        at = int(m[1], 16)
        while star and last + 16 < at and (last + 16) % most:
            last += 16
            lines[last] = lines[last - 16]
        star = False
        if m[2]:
            lines[at], last = bytes.fromhex(m[2].replace(" ", "")), at
    return lines


def dumps(ours, theirs):
    # Theirs leaves out lines whose ASCII column is like the one before, whatever the bytes: only what it prints counts.
    ours, theirs = dump(ours, 1 << 30), dump(theirs, 16)
    wrong = [a for a in theirs if ours.get(a) != theirs[a]]
    print(len(theirs) > 1000, len(wrong), [(hex(a), ours.get(a), theirs[a]) for a in wrong[:3]])


if __name__ == "__main__":
    what = {"hold": hold, "truth": truth, "compare": compare, "search": search, "crit": crit, "dumps": dumps}
    what[sys.argv[1]](*sys.argv[2:])
