//! What is said of an address is what happens: on random machines, where `places` says that a device's address leads is
//! where a write of that device arrives, and where it says nowhere, nothing does.

use iommu_core::machine::history::Cursor;
use iommu_core::machine::{run, Record};
use iommu_core::places::{find, Of};
use iommu_core::scenario::ast::PeerRouting;
use proptest::prelude::*;

/// A machine: two devices behind ports or beside the root, a third of whatever else there is.
#[derive(Clone, Debug)]
struct Shape {
    machine: &'static str,
    policy: &'static str,
    peers: Option<PeerRouting>,
    /// The bus address at which RAM appears, and how much of it, in GiB.
    inbound: Option<(u64, u64)>,
    /// Where the second BAR lies: its bus address differs from the CPU's by this.
    outbound: u64,
    /// Behind a switch, behind root ports, or beside the root.
    below: u8,
    acs: [bool; 2],
    bypass: bool,
    /// Does the driver of the first device map the BAR, the buffer?
    map_bar: bool,
    map_buffer: bool,
    master: bool,
    /// A bridge of its own for the second device: the bus address at which its RAM begins, whether its window has an offset,
    /// whether no IOMMU is behind it.
    apart: Option<(u64, bool, bool)>,
    /// Whose address is asked about: the second device's.
    second: bool,
    /// Which interesting address is asked about, and how far into it.
    ask: u8,
    offset: u64,
}

fn shape() -> impl Strategy<Value = Shape> {
    let machine = prop_oneof![
        Just("none"),
        Just("vt-d"),
        Just("vt-d scalable"),
        Just("riscv"),
        Just("smmuv3"),
        Just("amd-vi")
    ];
    let policy = prop_oneof![Just("strict"), Just("lazy"), Just("pass-through"), Just("off")];
    let peers = prop_oneof![Just(None), Just(Some(PeerRouting::Forwarded)), Just(Some(PeerRouting::Dropped))];
    let inbound = prop_oneof![
        2 => Just(None),
        1 => (prop_oneof![Just(0u64), Just(0x10_0000_0000)], 1u64..3).prop_map(Some),
    ];
    let flags = (any::<[bool; 2]>(), prop::bool::weighted(0.2), any::<bool>(), any::<bool>());
    let rest = (prop::bool::weighted(0.9), 0u8..9, 0u64..0x3000);
    let outbound = prop_oneof![Just(0u64), Just(0x1000_0000)];
    let own =
        (prop_oneof![Just(0u64), Just(0x4_0000_0000), Just(0x10_0000_0000)], any::<bool>(), any::<bool>());
    let apart = (prop::option::weighted(0.4, own), any::<bool>());
    (machine, policy, peers, inbound, outbound, 0u8..3, (flags, apart), rest).prop_map(
        |(
            machine,
            policy,
            peers,
            inbound,
            outbound,
            below,
            (flags, (apart, second)),
            (master, ask, offset),
        )| {
            let (acs, bypass, map_bar, map_buffer) = flags;
            Shape {
                machine,
                policy,
                peers,
                inbound,
                outbound,
                below,
                acs,
                bypass,
                map_bar,
                map_buffer,
                master,
                apart,
                second,
                ask,
                offset,
            }
        },
    )
}

impl Shape {
    /// The bus address of the second device's BAR.
    fn second_bar(&self) -> u64 {
        match self.apart {
            None => 0xc200_0000 - self.outbound,
            Some((_, true, _)) => 0xa000_0000,
            Some((_, false, _)) => 0xd000_0000,
        }
    }
    /// Where the CPU finds it.
    fn second_cpu(&self) -> u64 {
        self.apart.map_or(0xc200_0000, |_| 0xd000_0000)
    }
    /// The device that is asked about, and the other.
    fn who(&self) -> (usize, &'static str, &'static str) {
        match self.second {
            false => (0, "one", "two"),
            true => (1, "two", "one"),
        }
    }
    fn text(&self) -> String {
        let mut lines = vec!["iommu-playground 1".to_string(), format!("machine {}", self.machine)];
        let iommu = self.machine != "none";
        if iommu {
            lines.push(format!("iommu {}", self.policy));
        }
        lines.push("ram 0 .. 2G".into());
        let first = 0xc000_0000 - self.outbound;
        lines.push(format!("bridge cpu 0xc000_0000 +64M -> bus {first:#x}"));
        if let Some((at, gib)) = self.inbound {
            lines.push(format!("bridge bus {at:#x} +{gib}G -> cpu 0"));
        }
        match self.peers {
            Some(PeerRouting::Forwarded) => lines.push("bridge peers forwarded".into()),
            Some(PeerRouting::Dropped) => lines.push("bridge peers dropped".into()),
            None => {}
        }
        let acs = self.acs.map(|on| if on { " acs" } else { "" });
        let bypass = if self.bypass && iommu { " bypass" } else { "" };
        let (one, two) = match self.below {
            0 => ("00:02.0".to_string(), "00:03.0".to_string()),
            1 => {
                for (n, acs) in acs.iter().enumerate() {
                    lines.push(format!("rootport rp{n} 00:1{n}.0{acs}"));
                    lines.push(format!("  window {:#x} +32M", first + n as u64 * 0x200_0000));
                }
                ("01:00.0 behind rp0".to_string(), "02:00.0 behind rp1".to_string())
            }
            _ => {
                lines.push("rootport rp 00:10.0 acs".into());
                lines.push(format!("  window {first:#x} +64M"));
                lines.push("switch sw 01:00.0 behind rp".into());
                lines.push(format!("  window {first:#x} +64M"));
                for (n, acs) in acs.iter().enumerate() {
                    lines.push(format!("port d{n} 02:0{n}.0 behind sw{acs}"));
                    lines.push(format!("  window {:#x} +32M", first + n as u64 * 0x200_0000));
                }
                ("03:00.0 behind d0".to_string(), "04:00.0 behind d1".to_string())
            }
        };
        lines.push(format!("device one {one}{bypass}"));
        lines.push(format!("  bar 0 1M memory at bus {first:#x}"));
        let two = match self.apart {
            None => two,
            Some((at, offset, alone)) => {
                let bus = if offset { 0xa000_0000u64 } else { 0xd000_0000 };
                let alone = if alone && iommu { " no-iommu" } else { "" };
                // A StreamID has 16 bits here, and no room for a segment.
                let segment = u8::from(self.machine != "smmuv3");
                lines.push(format!(
                    "bridge other segment {segment}{alone} cpu 0xd000_0000 +64M -> bus {bus:#x}"
                ));
                lines.push(format!("bridge other bus {at:#x} +1G -> cpu 0"));
                lines.push(format!("bridge other bus {:#x} +512M -> cpu 0", at + 0x20_0000_0000));
                format!("{segment:04x}:05:00.0 behind other")
            }
        };
        let second = self.second_bar();
        lines.push(format!("device two {two}"));
        lines.push(format!("  bar 0 1M memory at bus {second:#x}"));
        lines.push("steps".into());
        lines.push("  alloc buf 8K at 0x1000_0000".into());
        if self.map_buffer {
            lines.push("  h = dma_map_single one buf bidirectional".into());
        }
        if self.map_bar {
            lines.push("  w = dma_map_resource one two.bar0 +8K bidirectional".into());
        }
        if !self.master {
            lines.push("  cpu config-write one 4 0x2 size 2".into());
        }
        lines.join("\n") + "\n"
    }
}

/// The addresses worth asking about, of the first device.
fn asked(shape: &Shape, done: &iommu_core::machine::Run) -> u64 {
    let first = 0xc000_0000 - shape.outbound;
    let handle = |name: &str| {
        let handles = &done.machine.sw.handles;
        handles.iter().find(|h| h.name == name).and_then(|h| h.dma(0)).map_or(0x5000_0000, |at| at.raw())
    };
    let base = match shape.ask {
        0 => 0x1000_0000,
        1 if shape.second => 0x1000_0000 + shape.apart.map_or(0, |(at, ..)| at),
        1 => 0x1000_0000 + shape.inbound.map_or(0, |(at, _)| at),
        2 => {
            if shape.second {
                first
            } else {
                shape.second_bar()
            }
        }
        3 => {
            if shape.second {
                0xc000_0000
            } else {
                shape.second_cpu()
            }
        }
        4 => handle("h"),
        5 => handle("w"),
        6 => first + 0x300_0000,
        7 if shape.apart.is_some() && shape.second => {
            0x1000_0000 + shape.apart.map_or(0, |(at, ..)| at + 0x20_0000_0000)
        }
        7 => first,
        _ => 0x7000_0000,
    };
    base + shape.offset
}

#[derive(Default, Debug)]
struct Seen {
    memory: usize,
    bar: usize,
    nowhere: usize,
}

/// Asks, writes, and compares.
fn agrees(shape: &Shape, seen: &mut Seen) -> Result<(), TestCaseError> {
    let text = shape.text();
    let before = run(&text).map_err(|p| TestCaseError::fail(format!("{text}\n{p}")))?;
    let at = asked(shape, &before);
    let (machine, trace) = (&before.machine, &before.machine.trace);
    let mut cursor = Cursor::at_end(machine.memories(), trace);
    let (device, me, peer) = shape.who();
    let found = find(&Record::of(machine), trace, &mut cursor, Of::Device(device, None), at);
    let bar = |thing: &str| thing.starts_with(&format!("BAR 0 of {peer}"));
    // A device that writes to its own BAR, or to a message's address, is no matter of memory.
    if found.thing.en.starts_with(&format!("BAR 0 of {me}")) || found.thing.en == "an interrupt message" {
        return Ok(());
    }
    let write = format!("{text}  dma {me} write {at:#x} data hex \"66\"\n");
    let expected = match (found.pa, bar(&found.thing.en)) {
        (_, true) => {
            seen.bar += 1;
            format!("  expect arrived at {peer}.bar0\n")
        }
        (Some(pa), false) if found.thing.en == "RAM" || found.thing.en.contains("buf") => {
            seen.memory += 1;
            format!("  expect arrived at {:#x}\n", pa.raw())
        }
        _ => {
            seen.nowhere += 1;
            "  expect arrived nowhere\n".to_string()
        }
    };
    // Where in the BAR does not matter here: the packet says.
    let expected = match expected.contains(".bar0") {
        true => format!("  expect data {peer}.bar0+{:#x} +1 = hex \"66\"\n", bar_offset(shape, at, &before)),
        false => expected,
    };
    let after = run(&(write.clone() + &expected))
        .map_err(|p| TestCaseError::fail(format!("{write}{expected}\n{p}")))?;
    let failure = after.failures().next().and_then(|check| check.failure.clone());
    prop_assert!(
        failure.is_none(),
        "{write}{expected}\n`where` says {:?} {}; the run says {:?}",
        found.pa,
        found.thing.en,
        failure
    );
    Ok(())
}

/// How far into the second device's BAR an address leads that is said to.
fn bar_offset(shape: &Shape, at: u64, before: &iommu_core::machine::Run) -> u64 {
    let first = 0xc000_0000 - shape.outbound;
    let window =
        before.machine.sw.handles.iter().find(|h| h.name == "w").and_then(|h| h.dma(0)).map(|h| h.raw());
    match window {
        Some(window) if !shape.second && at.wrapping_sub(window) < 0x2000 => at - window,
        _ if shape.second && at.wrapping_sub(first) < 0x10_0000 => at - first,
        _ if shape.second => at - 0xc000_0000,
        _ if at.wrapping_sub(shape.second_bar()) < 0x10_0000 => at - shape.second_bar(),
        _ => at - shape.second_cpu(),
    }
}

#[test]
fn where_an_address_leads_is_where_a_write_arrives() {
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: 600,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let seen = std::cell::RefCell::new(Seen::default());
    runner
        .run(&shape(), |shape| agrees(&shape, &mut seen.borrow_mut()))
        .unwrap_or_else(|problem| panic!("{problem}"));
    let seen = seen.into_inner();
    assert!(seen.memory > 40 && seen.bar > 40 && seen.nowhere > 100, "{seen:?} is no test");
}
