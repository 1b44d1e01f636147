//! Prints the TypeScript declarations of the views: the page's types are generated, not written twice.

fn main() {
    print!("{}", iommu_core::view::types::typescript());
    print!("{}", iommu_core::explain::logs::answer::typescript());
    print!("{}", iommu_core::import::account::typescript());
    print!("{}", iommu_core::import::trace::typescript());
}
