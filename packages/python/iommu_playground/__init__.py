"""Living pictures of DMA and the IOMMU in documents."""

__version__ = "0.1.0"
