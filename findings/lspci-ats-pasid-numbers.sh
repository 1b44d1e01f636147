#!/usr/bin/env bash
# lspci 3.9.0 (pciutils, Debian 12) prints the numbers of ATS, PRI and PASID as bare hexadecimal, and the depth 32 as 00.
#
# Seen, of a function with an invalidate queue of 32, 512 outstanding page requests and 20-bit PASIDs:
#   Invalidate Queue Depth: 00            the field is 0, which the PCI Express specification defines as 32
#   Page Request Capacity: 00000200       512, in hexadecimal without a sign of it
#   Max PASID Width: 14                   20, likewise; as decimal it is a width that hardware could have
# Numbers beside them (MaxPayload 128 bytes) are decimal. Who reads "14" sees a device of 16,384 processes, not 1,048,576.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
apt-get -qq -o APT::Sandbox::User=root download pciutils=1:3.9.0-4 libpci3=1:3.9.0-4
for package in *.deb; do dpkg -x "$package" root; done
python3 - >function.txt <<'PY'
import struct
space = bytearray(4096)
def put(at, word): space[at:at + 4] = struct.pack("<I", word)
put(0x00, 0x11e81234); put(0x04, 0x00100006); put(0x08, 0x12000001); put(0x34, 0x40)
put(0x40, 0x00020010)                                                    # PCI Express endpoint
put(0x100, 0x110 << 20 | 1 << 16 | 0x0f); put(0x104, 0x80000020 & ~0x1f)  # ATS on, depth 0: 32
put(0x110, 0x120 << 20 | 1 << 16 | 0x13); put(0x118, 512); put(0x11c, 32)  # PRI
put(0x120, 1 << 16 | 0x1b); put(0x124, 20 << 8)                          # PASIDs of 20 bits
print("00:02.0 Processing accelerators")
for at in range(0, 4096, 16):
    print(f"{at:03x}: " + " ".join(f"{b:02x}" for b in space[at:at + 16]))
PY
LD_LIBRARY_PATH=$(dirname "$(find root -name 'libpci.so.3' | head -n 1)") \
  root/usr/bin/lspci -F function.txt -vvv -n 2>/dev/null |
  grep -oE 'Invalidate Queue Depth: .*|Page Request Capacity: [0-9a-f]+|Max PASID Width: .*' | tee out
diff out - <<'OUT'
Invalidate Queue Depth: 00
Page Request Capacity: 00000200
Max PASID Width: 14
OUT
echo "still so in pciutils 1:3.9.0-4"
