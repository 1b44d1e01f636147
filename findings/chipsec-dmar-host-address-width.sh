#!/usr/bin/env bash
# chipsec 1.13.16 (PyPI) prints the DMAR table's host address width one bit too small, and names ANDD as RHSA.
#
# Seen: the byte of the table is the width minus 1 (Linux prints "Host address width %d" of width + 1); chipsec prints the
# byte itself as "Host Address Width". A machine of 39 bits, which Linux reports as 39, reads 38. An ACPI name-space device
# declaration (structure type 4) is headed "Remapping Hardware Status Affinity", the name of type 3.
# Expected: 39, and another heading for type 4.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv env
env/bin/pip install -q chipsec==1.13.16
cat >read.py <<'PY'
import struct
from chipsec.hal.acpi_tables import DMAR
name = b"\\_SB.PC00.I2C0\0\0\0"
andd = struct.pack("<HH3sB", 4, 8 + len(name), bytes(3), 1) + name
table = DMAR()
table.parse(struct.pack("<BB10s", 39 - 1, 1, bytes(10)) + andd)
print(str(table))
PY
env/bin/python read.py >all
grep -E 'Host Address Width|Affinity|Object Name' all | sed 's/  *$//' | tee out
diff out - <<'OUT'
  Host Address Width  : 38
  Remapping Hardware Status Affinity (0x0004):
    ACPI Object Name      : b'\\_SB.PC00.I2C0\x00\x00\x00'
OUT
echo "still so in chipsec 1.13.16"
