// What the tests of the packages for documentation tools put into documents.

/** A scenario of one's own: its title is hostile, and its last line does not hold. */
export const OWN = `iommu-playground 1
title "</iommu-playground><script>window.hacked=1</script><img src=x onerror=window.hacked=1>"
machine riscv
iommu strict
ram 0 .. 1G
device nic 00:03.0
steps
  alloc buf 4K

  rx = dma_map_single nic buf from-device
  dma nic write rx data "hello"
  expect data buf = "hellx"
`;
