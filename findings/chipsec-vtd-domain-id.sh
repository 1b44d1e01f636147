#!/usr/bin/env bash
# chipsec 1.13.16 (PyPI) shows the low 8 bits of a VT-d domain id only.
#
# Seen: its reader of VT-d context entries (chipsec.hal.paging.c_vtd_page_tables) takes the domain id as 8 bits, bits 15:8
# of the entry's high word. The specification has 16 bits, 87:72 of the entry (Linux: (hi >> 8) & 0xffff). Two devices in
# domains 0x0101 and 0x0001 are printed as being in one domain, 01.
# Expected: DID 0101 and DID 0001.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv env
env/bin/pip install -q chipsec==1.13.16
cat >read.py <<'PY'
from chipsec.hal.paging import c_vtd_page_tables
reader = c_vtd_page_tables.__new__(c_vtd_page_tables)
class NoMachine:
    mem = None
    def __getattr__(self, _): return None
reader.__init__(NoMachine())
for did in (0x0101, 0x0001):
    high = did << 8 | 2          # 4-level tables
    print(f"{did:04X} is read as {reader.get_field(high, reader.CE_HI_DID):02X}")
PY
env/bin/python read.py 2>&1 | tee out
diff out - <<'OUT'
0101 is read as 01
0001 is read as 01
OUT
echo "still so in chipsec 1.13.16"
