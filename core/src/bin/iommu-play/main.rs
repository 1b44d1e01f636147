//! `iommu-play`: run, draw and check scenarios from the command line.

fn main() {}
