#!/usr/bin/env bash
# acpi_tables 0.2.1 (crates.io) gives devices of two PCI segments one virtio-iommu endpoint id.
#
# Seen: in a VIOT, each PCI range node says which endpoint id its first function has; the ids that follow count up from
# there (Linux: ((segment - first segment) << 16) + rid - first rid + endpoint start). VIOT::add_pci_range takes no such
# id: it writes the first function's bus, device and function, without the segment. Ranges of segments 0 and 1 behind one
# IOMMU, each from 00:00.0, both start at endpoint 0, so 0000:00:03.0 and 0001:00:03.0 are the same endpoint.
# Expected: ids that differ, or a parameter for the first one. (One range over both segments has distinct ids.)
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
cargo init -q --name viot .
cargo add -q acpi_tables@=0.2.1
cat >src/main.rs <<'RS'
use acpi_tables::viot::{PciDevice, PciRange, VirtIoPciIommu, VIOT};
use acpi_tables::Aml;
fn main() {
    let mut table = VIOT::new(*b"SAMPLE", *b"SAMPLE  ", 1);
    let iommu = table.add_virtio_pci_iommu(VirtIoPciIommu::new(PciDevice::new(0, 0, 1, 0)));
    for segment in [0, 1] {
        let (first, last) = (PciDevice::new(segment, 0, 0, 0), PciDevice::new(segment, 0xff, 0x1f, 7));
        table.add_pci_range(PciRange::new(first, last, &iommu));
    }
    let mut bytes = Vec::new();
    table.to_aml_bytes(&mut bytes);
    let half = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
    let mut at = half(38) as usize; // where the nodes begin
    while at < bytes.len() {
        if bytes[at] == 1 {
            let start = u32::from(half(at + 4)) | u32::from(half(at + 6)) << 16;
            println!("segment {}: its 00:03.0 is endpoint {:#x}", half(at + 8), start + (3 << 3) - u32::from(half(at + 12)));
        }
        at += half(at + 2) as usize;
    }
}
RS
cargo run -q | tee out
diff out - <<'OUT'
segment 0: its 00:03.0 is endpoint 0x18
segment 1: its 00:03.0 is endpoint 0x18
OUT
echo "still so in acpi_tables 0.2.1"
