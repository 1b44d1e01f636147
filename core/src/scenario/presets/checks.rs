//! What a reader of the path is asked at the end of each scenario: a kind of question and the line it is about. The
//! choices, the right answer and the reasons are made by the machine (`explain::check`).

/// A kind of question.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ask {
    /// Where did the bytes end up, or come from?
    Where,
    /// How many table entries were read?
    Reads,
    /// How many packets did it take?
    Packets,
    /// Who got the interrupt?
    Interrupt,
    /// What did the CPU read?
    Value,
}

/// A scenario of the path, what is asked, the line, and which of several equal lines (from 0).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AskAbout {
    /// The scenario's name.
    pub name: &'static str,
    /// What is asked.
    pub ask: Ask,
    /// The line, as the text has it.
    pub line: &'static str,
    /// Which of several equal lines, from 0.
    pub nth: usize,
}

macro_rules! checks {
    ($($name:literal $ask:ident $line:literal $($nth:literal)?;)*) => {
        &[$(AskAbout { name: $name, ask: Ask::$ask, line: $line, nth: checks!(@ $($nth)?) },)*]
    };
    (@ $nth:literal) => { $nth };
    (@) => { 0 };
}

/// One question for each scenario of the path.
pub static CHECKS: &[AskAbout] = checks! {
    "address-space" Where "cpu write 0x40_0000 \"bob was here\" in bob";
    "pointer" Where "dma nic write 0x1000_0000 data \"for the buffer\"";
    "mmio" Where "cpu write 0xe000_0100 0xcafe size 4";
    "io-ports" Where "cpu write 0xc080 0x5678 size 4";
    "first-dma" Packets "doorbell disk";
    "bus-offset" Where "dma usb write buf.pa data \"lost!\"";
    "device-map" Where "dma gpu write local 0x40_1000_0000 data \"to the host\"";
    "linked-list" Packets "doorbell disk";
    "swiotlb" Where "dma nic read tx";
    "why-iommu" Where "dma nic write 0x1000_0000 data \"overwritten!\"";
    "guest-dma" Where "dma nic write 0x1000_0000 data \"by blue's driver\"";
    "howto" Where "dma nic write rx data \"hello, memory\"";
    "scatter-gather" Where "dma nic write list +12K data pattern 3";
    "which-number" Where "dma nic1 write 0x10_0000 data \"from nic1\"";
    "two-stages" Where "dma nic write 0x10_0000 data \"both stages\"";
    "nested-walk" Reads "dma nic write 0x7f00_0000_1000 +64 pasid 7";
    "interrupts" Interrupt "msi nic entry 3" 1;
    "forged-msi" Interrupt "msi usb entry 5";
    "sync-for-cpu" Value "cpu read buf" 1;
    "lazy" Where "dma nic write rx data \"stale\"";
    "use-after-unmap" Where "dma nic write rx data \"too late\"";
};

/// What is asked at the end of the scenario called `name`.
pub fn check(name: &str) -> Option<&'static AskAbout> {
    CHECKS.iter().find(|check| check.name == name)
}

#[cfg(test)]
mod tests {
    use super::super::{by_name, PATH};
    use super::*;

    #[test]
    fn every_scenario_of_the_path_has_a_question_about_a_line_of_its_own() {
        for name in PATH {
            let check = check(name).unwrap_or_else(|| panic!("{name} asks nothing"));
            let lines = by_name(name).unwrap().text.lines().filter(|l| l.trim() == check.line).count();
            assert!(lines > check.nth, "{name}: {}", check.line);
        }
        assert_eq!(CHECKS.len(), PATH.len());
    }
}
