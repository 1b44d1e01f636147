// One log for each architecture, a machine and a trace, to try the box with. Numbers are our own.

export const samples: readonly { name: string; log: string }[] = [
  {
    name: "VT-d",
    log: `[  114.286111] DMAR: DRHD: handling fault status reg 2
[  114.286119] DMAR: [DMA Write NO_PASID] Request device [00:1f.2] fault addr 0xfffe1000 [fault reason 0x05] PTE Write access is not set
`,
  },
  {
    name: "VT-d SVA",
    log: `[ 1093.712738] DMAR: [DMA Write PASID 0x2] Request device [7a:02.0] fault addr 0x7f81c968d000 [fault reason 0x71] SM: Present bit in first-level paging entry is clear
`,
  },
  {
    name: "AMD-Vi",
    log: `[  812.086690] ahci 0000:02:00.0: AMD-Vi: Event logged [IO_PAGE_FAULT domain=0x0043 address=0xecdd5004 flags=0x0070]
`,
  },
  {
    name: "Arm SMMUv3",
    log: `[  114.000000] arm-smmu-v3 arm-smmu-v3.3.auto: event 0x10 received:
[  114.000001] arm-smmu-v3 arm-smmu-v3.3.auto: 	0x0000010000000010
[  114.000002] arm-smmu-v3 arm-smmu-v3.3.auto: 	0x0000020000000000
[  114.000003] arm-smmu-v3 arm-smmu-v3.3.auto: 	0x00000000ffe00040
[  114.000004] arm-smmu-v3 arm-smmu-v3.3.auto: 	0x0000000000000000
`,
  },
  {
    name: "RISC-V",
    log: `[    5.000000] riscv,iommu 3010000.iommu: Fault 15 devid: 0x100 iotval: ffffe000 iotval2: 0
`,
  },
  {
    name: "QEMU",
    log: `qemu-system-x86_64: vtd_iova_to_slpte: detected slpte permission error (iova=0x7ffde000, level=0x3, slpte=0x0, write=0)
qemu-system-x86_64: vtd_iommu_translate: detected translation failure (dev=01:00:00, iova=0x7ffde000)
`,
  },
  {
    name: "lspci",
    log: `00:00.0 Host bridge [0600]: Example host bridge [1af4:0001]
00:01.0 PCI bridge [0604]: Example root port [1af4:0002]
	Bus: primary=00, secondary=01, subordinate=01, sec-latency=0
	Memory behind bridge: c0000000-c00fffff [size=1M] [32-bit]
	Capabilities: [40] Express (v2) Root Port (Slot+), MSI 00
00:1f.2 SATA controller [0106]: Example SATA controller [1af4:0003]
	Region 5: Memory at c0200000 (32-bit, non-prefetchable) [size=4K]
01:00.0 Ethernet controller [0200]: Example network controller [1af4:0004]
	Region 0: Memory at c0000000 (64-bit, non-prefetchable) [size=128K]
	Capabilities: [70] Express (v2) Endpoint, MSI 00
	Capabilities: [100 v1] Address Translation Service (ATS)
01:00.1 Ethernet controller [0200]: Example network controller [1af4:0004]
	Region 0: Memory at c0020000 (64-bit, non-prefetchable) [size=128K]
	Capabilities: [70] Express (v2) Endpoint, MSI 00

/sys/kernel/iommu_groups/1/devices/0000:00:01.0
/sys/kernel/iommu_groups/1/devices/0000:01:00.0
/sys/kernel/iommu_groups/1/devices/0000:01:00.1
/sys/kernel/iommu_groups/2/devices/0000:00:1f.2
`,
  },
  {
    name: "ftrace",
    log: `  irq/31-nic-412 [001] .....   5.100000: dma_map_phys: 0000:01:00.0 dir=FROM_DEVICE dma_addr=ffffd000 size=4096 phys_addr=2fbb000 attrs=
  irq/31-nic-412 [001] .....   5.100900: dma_map_phys: 0000:01:00.0 dir=TO_DEVICE dma_addr=ffffb000 size=1500 phys_addr=31c0000 attrs=
  irq/31-nic-412 [001] d.h1.   5.101200: dma_unmap_phys: 0000:01:00.0 dir=FROM_DEVICE dma_addr=ffffd000 size=4096 attrs=
  irq/31-nic-412 [001] d.h1.   5.101800: io_page_fault: IOMMU:nic 0000:01:00.0 iova=0x00000000ffffd040 flags=0x0001
  irq/31-nic-412 [001] d.h1.   5.102000: dma_unmap_phys: 0000:01:00.0 dir=FROM_DEVICE dma_addr=ffffd000 size=4096 attrs=
`,
  },
];
