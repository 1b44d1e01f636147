//! How the unit reaches memory: the width of its addresses, and the rules that a read may break.

use super::config::Config;
use crate::iommu::fetch::ReachRules;
pub use crate::iommu::fetch::{Place, Reach, Trouble};
use crate::spec::{Rule, Text};

static BEYOND: Rule = Rule {
    text: Text::new(
        "the address is beyond the capabilities.PAS bits of physical address",
        "地址超出物理地址的位宽（capabilities.PAS）",
    ),
    section: "RISC-V IOMMU, capabilities",
};
static UNREADABLE: Rule = Rule {
    text: Text::new("memory does not allow the read (PMA or PMP)", "内存不允许读取（PMA 或 PMP）"),
    section: "RISC-V Privileged 3.6, 3.7",
};
static CORRUPT: Rule = Rule {
    text: Text::new("the data was read as corrupted", "读到的数据已损坏"),
    section: "RISC-V IOMMU, fault queue",
};
static RULES: ReachRules = ReachRules { beyond: &BEYOND, unreadable: &UNREADABLE, corrupt: &CORRUPT };

impl Config {
    /// Returns how structures of this byte order are read.
    pub const fn reach(&self, big_endian: bool) -> Reach {
        Reach { bits: self.phys_bits(), big_endian, rules: &RULES }
    }
}
