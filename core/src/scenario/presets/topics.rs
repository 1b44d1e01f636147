//! What each scenario of the gallery is about, and the line of it that makes its picture.

use crate::spec::Text;

/// What a scenario is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic {
    /// Which address is this, and who turns it into another.
    Addresses,
    /// Mapping, direction, masks, bounce buffers: what drivers call.
    DmaApi,
    /// Descriptors, rings, doorbells.
    Engines,
    /// The CPU's cache, the IOTLB, what they still remember.
    Caches,
    /// What one access costs.
    Cost,
    /// What a device must not reach.
    Isolation,
    /// Guests and processes that use a device themselves.
    Guests,
    /// Packets, bridges, BARs, groups.
    Pcie,
    /// Messages, vectors, remapping.
    Interrupts,
    /// Fault codes and log lines.
    Faults,
}

impl Topic {
    /// Every topic, in the order in which a page offers them.
    pub const ALL: [Topic; 10] = [
        Topic::Addresses,
        Topic::DmaApi,
        Topic::Engines,
        Topic::Pcie,
        Topic::Isolation,
        Topic::Faults,
        Topic::Caches,
        Topic::Cost,
        Topic::Guests,
        Topic::Interrupts,
    ];

    /// Its short name in links.
    pub const fn name(self) -> &'static str {
        match self {
            Topic::Addresses => "addresses",
            Topic::DmaApi => "dma-api",
            Topic::Engines => "engines",
            Topic::Caches => "caches",
            Topic::Cost => "cost",
            Topic::Isolation => "isolation",
            Topic::Guests => "guests",
            Topic::Pcie => "pcie",
            Topic::Interrupts => "interrupts",
            Topic::Faults => "faults",
        }
    }

    /// In words.
    pub const fn text(self) -> Text {
        match self {
            Topic::Addresses => Text::new("addresses", "地址"),
            Topic::DmaApi => Text::new("DMA API", "DMA API"),
            Topic::Engines => Text::new("DMA engines", "DMA 引擎"),
            Topic::Caches => Text::new("caches", "缓存"),
            Topic::Cost => Text::new("cost", "开销"),
            Topic::Isolation => Text::new("isolation", "隔离"),
            Topic::Guests => Text::new("guests, processes", "虚拟机与进程"),
            Topic::Pcie => Text::new("PCIe", "PCIe"),
            Topic::Interrupts => Text::new("interrupts", "中断"),
            Topic::Faults => Text::new("faults", "错误"),
        }
    }
}

/// A scenario's topics, the most telling first, and the step (its line, as it is written) whose picture stands for it.
#[derive(Clone, Copy, Debug)]
pub struct About {
    /// The scenario's name.
    pub name: &'static str,
    /// What it is about.
    pub topics: &'static [Topic],
    /// A step, as the text has it; of several equal ones the last.
    pub step: &'static str,
}

macro_rules! about {
    ($($name:literal $($topic:ident)+ : $step:literal;)*) => {
        &[$(About { name: $name, topics: &[$(Topic::$topic),+], step: $step },)*]
    };
}

static ABOUT: &[About] = about! {
    "howto" Addresses DmaApi: "dma nic write rx data \"hello, memory\"";
    "address-space" Addresses Guests: "cpu write 0x40_0000 \"bob was here\" in bob";
    "pointer" Addresses: "dma nic write 0x1000_0000 data \"for the buffer\"";
    "first-dma" Engines: "doorbell disk";
    "mmio" Addresses Pcie: "cpu write 0xe000_0100 0xcafe size 4";
    "io-ports" Addresses Pcie: "cpu out 0xc080 0x1234 size 4";
    "soc" Addresses Engines: "dma dmac write 0x7000_0000 data \"anywhere\"";
    "bus-offset" Addresses DmaApi: "dma usb write dma data \"moved\"";
    "inbound-window" Addresses DmaApi: "dma xhci write buf.pa data \"lost\"";
    "two-controllers" Addresses DmaApi: "dma usb write 0x2000_0000 data \"lost\"";
    "bar-window" Pcie Addresses: "cpu read 0x8200_0000 size 4";
    "resize-bar" Pcie Addresses: "cpu write 0xb_ffff_fff0 9 size 4";
    "vf-ari" Pcie Isolation: "dma vf0 write 0x1000 data \"from a VF\"";
    "device-map" Addresses Engines: "dma gpu write local 0x40_1000_0000 data \"to the host\"";
    "linked-list" Engines: "doorbell disk";
    "why-iommu" Isolation Faults: "dma nic write 0x1000_0000 data \"overwritten!\"";
    "guest-dma" Guests Isolation: "dma nic write 0x1000_0000 data \"by blue's driver\"";
    "which-number" Guests Addresses: "dma nic1 write 0x10_0000 data \"from nic1\"";
    "swiotlb" DmaApi Cost: "dma nic read tx";
    "bounce-limit" DmaApi Faults: "dma gpu read part +64";
    "bounce-offset" DmaApi Addresses: "dma nvme write kept +512 data \"sector\"";
    "mask" DmaApi Addresses: "dma nic write rx data \"packet\"";
    "mask-default" DmaApi Addresses: "dma fpga write rx data \"samples\"";
    "mask-window" DmaApi Addresses: "dma xhci write ring data \"event\"";
    "mask-iommu" DmaApi Addresses Faults: "dma nic write 0x80_0000_0000 data \"outside\"";
    "iova-full" DmaApi Addresses: "dma vpu write fd data \"frame\"";
    "physical-address" DmaApi Faults: "dma nic write buf.pa data \"by accident\"";
    "virtio-addresses" Guests DmaApi Faults: "dma net write rx data \"packet\"";
    "scatter-gather" DmaApi Addresses: "dma nic write list +12K data pattern 3";
    "direction" DmaApi Faults: "dma nic read rx";
    "kexec" Isolation Faults: "dma nic write rx data \"frame 3\"";
    "use-after-unmap" Faults DmaApi: "dma nic write rx data \"too late\"";
    "fault-ladder" Faults: "dma nic write 0x10_0000 +64";
    "sync-for-cpu" Caches DmaApi: "dma nic write rx data \"new data\"";
    "cache-line" Caches DmaApi: "dma nic write rx data \"received\"";
    "vmalloc" DmaApi Addresses: "dma nic read first";
    "ring" Engines DmaApi Interrupts: "doorbell nic";
    "lazy" Caches Isolation Cost: "dma nic write rx data \"stale\"";
    "iotlb-reach" Caches Cost: "dma nic write 0x8020_0000 +64 times 64 stride 4M";
    "groups" Isolation Pcie Guests: "dma gpu write 0x10_0000 data \"frame\"";
    "peer-to-peer" Pcie Isolation: "dma gpu1 write 0x1000_0000 data \"mapped\"";
    "root-ports" Pcie Isolation: "dma gpu0 write gpu1.bar0 data \"peer\"";
    "peer-bar" Pcie DmaApi Faults: "dma nic write win+16 data \"frame\"";
    "reserved-memory" Guests Faults: "dma hba read 0x7f00_0100 +64";
    "guest-hole" Guests Faults: "dma gpu write 0x500_0000 data \"above\"";
    "phantom" Faults Pcie: "dma sata write rx data \"as function 1\" requester 03:00.1";
    "interrupts" Interrupts: "msi nic entry 3";
    "posted" Interrupts Guests: "msi nic entry 3";
    "msi-hole" Interrupts Addresses: "dma nic write 0xfee0_0000 +4 data hex \"41 00 00 00\"";
    "forged-msi" Interrupts Isolation Faults: "msi usb entry 5";
    "two-stages" Guests Addresses: "dma nic write 0x10_0000 data \"both stages\"";
    "relay-or-passthrough" Guests Cost: "dma nic write gbuf.gpa +1500 data pattern 2";
    "nested-walk" Guests Cost: "dma nic write 0x7f00_0000_1000 +64 pasid 7";
    "msi-doorbell" Interrupts Faults: "msi nic entry 3";
    "stream-id" Faults Pcie: "dma nic write rx data \"hello\"";
    "fault-ladder-arm" Faults: "dma nic write 0x10_0000 +64";
    "fault-ladder-amd" Faults: "dma nic write 0x10_0000 +64";
    "fault-ladder-riscv" Faults: "dma nic write 0x10_0000 +64";
    "sva" Guests Addresses: "dma gpu write 0x7f00_0000_0000 pasid 2 data \"for bob\"";
    "sva-refused" Guests Faults: "dma gpu write 0x7f00_0000_0000 pasid 7 data \"shared\"";
};

/// What the scenario called `name` is about.
pub fn about(name: &str) -> Option<&'static About> {
    ABOUT.iter().find(|about| about.name == name)
}

#[cfg(test)]
mod tests {
    use super::super::PRESETS;
    use super::*;

    #[test]
    fn every_scenario_has_topics_and_a_step_of_its_own_text() {
        assert_eq!(ABOUT.len(), PRESETS.len());
        for preset in PRESETS {
            let about = about(preset.name).unwrap_or_else(|| panic!("{} is about nothing", preset.name));
            assert!((1..=3).contains(&about.topics.len()), "{}", preset.name);
            assert!(
                preset.text.lines().any(|line| line.trim() == about.step),
                "{}: {}",
                preset.name,
                about.step
            );
        }
        for topic in Topic::ALL {
            let about = ABOUT.iter().filter(|about| about.topics.contains(&topic)).count();
            assert!(about >= 3, "{topic:?} is the topic of {about}");
        }
    }
}
