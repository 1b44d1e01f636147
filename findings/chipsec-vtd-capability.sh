#!/usr/bin/env bash
# chipsec 1.13.16 (PyPI) reads two capability fields of an Intel VT-d unit at other bits than the specification has them.
#
# Seen: in chipsec/cfg/8086/iommu.xml
#   * CAP.ND (how many domain ids there are) is given bits 1:0. The register's field is bits 2:0 (Linux: cap_ndoms is
#     1 << (4 + 2 * (cap & 7))). Hardware of the last ten years says 6 (65,536 domains) and is reported as 2 (256).
#   * ECAP.PASID is given bit 28. The specification has it at bit 40 (Linux: ecap_pasid is (e >> 40) & 1, and bit 28 was
#     ecap_broken_pasid, of early hardware). A unit that has PASIDs is reported as having none.
# Expected: ND = 6, PASID = 1 for the words below, which are those of a scalable-mode unit.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv env
env/bin/pip install -q chipsec==1.13.16
cat >read.py <<'PY'
import os, xml.etree.ElementTree as tree, chipsec
top = os.path.dirname(chipsec.__file__)
registers = tree.parse(os.path.join(top, "cfg/8086/iommu.xml")).getroot().find("registers")
def field(register, name, word):
    row = next(r for r in registers if r.get("name") == register)
    f = next(f for f in row if f.get("name") == name)
    bit, size = int(f.get("bit")), int(f.get("size"))
    return (word >> bit) & ((1 << size) - 1), bit, size
CAP = 6 | 4 << 8 | 47 << 16       # 65,536 domains, 48-bit tables
ECAP = 1 << 40 | 19 << 35 | 1 << 43  # PASIDs of 20 bits, scalable mode
nd, at, size = field("VTBAR_CAP", "ND", CAP)
print(f"ND {nd} (bit {at}, {size} wide) -> {1 << (4 + 2 * nd)} domains; the word says {1 << (4 + 2 * (CAP & 7))}")
pasid, at, _ = field("VTBAR_ECAP", "PASID", ECAP)
print(f"PASID {pasid} (bit {at}); the word says {ECAP >> 40 & 1}")
PY
env/bin/python read.py | tee out
diff out - <<'OUT'
ND 2 (bit 0, 2 wide) -> 256 domains; the word says 65536
PASID 0 (bit 28); the word says 1
OUT
echo "still so in chipsec 1.13.16"
