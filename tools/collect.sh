#!/bin/sh
# Prints what this machine says of itself, for `iommu-play import`. Run it as root: addresses and capabilities are hidden from
# others. It reads and prints, nothing else; look at the output before you give it away.
#
#     sudo sh collect.sh > machine.txt
#     iommu-play import machine.txt > machine.scn

show() {
    echo "== $1"
    cat "$1" 2>/dev/null
}

echo "== lspci -vvv"
lspci -D -nn -vvv 2>/dev/null
echo "== lspci -t"
lspci -t 2>/dev/null
show /proc/iomem
show /proc/ioports

echo "== IOMMU groups"
find /sys/kernel/iommu_groups -type l 2>/dev/null
grep -r . /sys/kernel/iommu_groups/*/type /sys/kernel/iommu_groups/*/reserved_regions 2>/dev/null

echo "== boot log"
# Only lines about memory, PCI and IOMMUs: no serial numbers, names or addresses of networks.
dmesg 2>/dev/null | grep -E 'e820|node +[0-9]+: \[mem|pci |pci_bus|DMAR|AMD-Vi|smmu|riscv,iommu|virtio_iommu|iommu:|iommu group|: BAR [0-9]|bridge window|IO TLB|MEM 0x'

for table in DMAR IVRS IORT RIMT MCFG; do
    if [ -r "/sys/firmware/acpi/tables/$table" ]; then
        echo "== ACPI $table"
        od -A x -t x1 -v "/sys/firmware/acpi/tables/$table"
    fi
done

if [ -d /proc/device-tree ] && command -v dtc >/dev/null; then
    echo "== device tree"
    dtc -I fs -O dts /proc/device-tree 2>/dev/null
elif [ -r /sys/firmware/fdt ]; then
    echo "== device tree as a blob"
    od -A x -t x1 -v /sys/firmware/fdt
fi
