// One log for each architecture, to try the box with. Numbers are our own.

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
];
