//! Where a scenario's physical addresses are on a board whose RAM begins elsewhere.
//!
//! A place in RAM that a scenario names moves with the RAM, and with it every number that means an address in it, an IOVA
//! of the same number too: a mapping of addresses to themselves stays one. What belongs to a guest is the guest's own.

use super::ast::{
    Attach, Declaration, Dma, Expectation, Extent, Header, Loc, Operation, Policy, Scenario, Statement,
};
use super::names::{each_literal, mentions};
use super::number::Num;
use super::outline::{Action, Outline};
use super::parse::parse_line;
use super::print::print_statement;
use crate::iommu::{Architecture, Board};
use alloc::{format, string::String, string::ToString, vec::Vec};

/// How much of RAM, from its beginning, the host takes for its tables, queues and buffers before guests find a place.
const HOST_BYTES: u64 = 256 << 20;

/// Addresses, and where the first of them is there.
struct Shift {
    from: u64,
    bytes: u64,
    to: u64,
}

impl Shift {
    fn has(&self, at: u64) -> bool {
        at.wrapping_sub(self.from) < self.bytes
    }
}

/// Who a device's addresses belong to, line by line.
struct Owners<'s> {
    outline: &'s Outline<'s>,
    /// Guests, and what is theirs.
    names: &'s [&'s str],
    /// Devices of guests.
    guests: Vec<String>,
    /// Devices that have a domain of the host's.
    domains: Vec<String>,
    /// Devices that are passed through.
    passed: Vec<String>,
}

impl<'s> Owners<'s> {
    fn new(outline: &'s Outline<'s>, names: &'s [&'s str]) -> Self {
        Owners { outline, names, guests: Vec::new(), domains: Vec::new(), passed: Vec::new() }
    }
    /// Is it a guest, or of one?
    fn is_guest(&self, name: &str) -> bool {
        self.names.contains(&name)
    }
    /// What follows from a statement for those after it.
    fn after(&mut self, statement: &Statement) {
        let (device, to) = match statement {
            Statement::Operation(Operation::Attach(Attach { device, to })) => {
                (&device.value, to.value.as_str())
            }
            Statement::Operation(Operation::Detach(op)) => (&op.device.value, ""),
            _ => return,
        };
        let guest = self.is_guest(to);
        for list in [&mut self.guests, &mut self.domains, &mut self.passed] {
            list.retain(|name| name != device);
        }
        let list = match to {
            "" => return,
            "pass-through" => &mut self.passed,
            _ if guest => &mut self.guests,
            _ => &mut self.domains,
        };
        list.push(device.clone());
    }
    /// Are the addresses that a transfer names physical?
    fn physical(&self, dma: &Dma) -> bool {
        let name = &dma.device.value;
        let policy = self.outline.iommu.as_ref().map(|iommu| iommu.node.policy.value);
        let bare = matches!(policy, Some(Policy::Off | Policy::PassThrough));
        let attached = self.domains.contains(name) || self.guests.contains(name);
        !dma.local && (dma.translated || self.passed.contains(name) || bare && !attached)
    }
    /// Are the statement's numbers a guest's addresses?
    fn of_guest(&self, statement: &Statement) -> bool {
        match statement {
            Statement::Declaration(Declaration::Vm(_)) => false,
            Statement::Operation(Operation::Dma(dma)) if dma.translated => false,
            _ => mentions(statement).iter().any(|m| self.is_guest(&m.name) || self.guests.contains(&m.name)),
        }
    }
}

/// Virtual machines, their processes and the domains that their kernels make.
fn guests<'s>(outline: &'s Outline<'_>) -> Vec<&'s str> {
    let vms = outline.vms.iter().map(|vm| &vm.name);
    let processes = outline.processes.iter().filter(|p| p.vm.is_some()).map(|p| &p.name);
    let domains = outline.steps.iter().filter_map(|step| match step.action {
        Action::Do(Operation::Domain(domain)) => domain.vm.as_ref().map(|_| &domain.name),
        _ => None,
    });
    vms.chain(processes).chain(domains).map(|name| name.value.as_str()).collect()
}

/// Moves the physical addresses below where the RAM of `to`'s board begins, and those of guests where the host is there,
/// wherever they stand in the scenario's text.
pub(super) fn move_addresses(scenario: &mut Scenario, from: Option<Architecture>, to: Architecture) {
    let begin = Board::of(Some(to)).ram.0;
    let was = scenario.clone();
    let outline = Outline::new(&was);
    let at_zero = match outline.rams.is_empty() {
        true => Board::of(from).ram.0 == 0,
        false => outline.rams.iter().any(|ram| ram.range.addresses().is_some_and(|r| r.start.raw() == 0)),
    };
    if begin == 0 || !at_zero {
        return;
    }
    let names = guests(&outline);
    let shifts = shifts(&was, &outline, &names, begin);
    if shifts.is_empty() {
        return;
    }
    let there = |at: u64| shifts.iter().find(|s| s.has(at)).map(|s| s.to + (at - s.from));
    let mut words: Vec<(String, String)> = Vec::new();
    let mut shift = |num: &mut Num, extent: Option<&mut Extent>| {
        let Some(new) = there(num.value) else { return };
        if let Some(Extent::End(end)) = extent {
            *end = Num::hex(new + end.value.saturating_sub(num.value));
        }
        let (old, new) = (*num, Num::hex(new));
        // As a step has it, and as a note does: without separators.
        for word in
            [(old.to_string(), new.to_string()), (format!("{:#x}", old.value), format!("{:#x}", new.value))]
        {
            if !words.contains(&word) {
                words.push(word);
            }
        }
        *num = new;
    };
    let mut owners = Owners::new(&outline, &names);
    let mut changes = Vec::new();
    for (nth, line) in scenario.lines.iter_mut().enumerate() {
        let Some(statement) = &mut line.statement else { continue };
        owners.after(statement);
        match statement {
            Statement::Header(Header::Change(_)) => changes.push(nth),
            statement => move_statement(statement, &owners, &mut shift),
        }
    }
    // What is said of a line that was moved says the line as it is there.
    for nth in changes {
        let Some(Statement::Header(Header::Change(change))) = &mut scenario.lines[nth].statement else {
            continue;
        };
        let whose = Owners::new(&outline, &names);
        for text in [&mut change.from, &mut change.to] {
            let Ok(mut statement) = parse_line(&text.value) else { continue };
            let old = print_statement(&statement);
            move_statement(&mut statement, &whose, &mut shift);
            let new = print_statement(&statement);
            if new != old {
                text.value = new;
            }
        }
    }
    retell(scenario, |text| {
        let new = words.iter().fold(String::from(text), |text, (old, new)| replace_word(&text, old, new));
        (new != text).then_some(new)
    });
}

/// Tells otherwise what is told of a scenario, in its header and in notes, where `say` has other words; sources and what is said of a
/// changed line stay.
pub(super) fn retell(scenario: &mut Scenario, mut say: impl FnMut(&str) -> Option<String>) {
    for line in &mut scenario.lines {
        let told = match &line.statement {
            Some(Statement::Header(header)) => !matches!(header, Header::Source(_) | Header::Change(_)),
            Some(Statement::Note(_)) => true,
            _ => false,
        };
        let Some(statement) = line.statement.as_mut().filter(|_| told) else { continue };
        if let Some(Ok(new)) = say(&print_statement(statement)).map(|new| parse_line(&new)) {
            *statement = new;
        }
    }
}

/// Moves the numbers of a statement that are places in RAM, or IOVAs of the same number.
fn move_statement(
    statement: &mut Statement,
    owners: &Owners<'_>,
    shift: &mut dyn FnMut(&mut Num, Option<&mut Extent>),
) {
    match statement {
        Statement::Declaration(Declaration::Vm(vm)) => {
            if let Some(at) = vm.at.as_mut().filter(|at| at.base.is_none()) {
                shift(&mut at.offset, None);
            }
        }
        Statement::Declaration(Declaration::Reserved(_) | Declaration::Swiotlb(_)) => {
            each_literal(statement, shift);
        }
        // An address of the device's own.
        Statement::Operation(Operation::Dma(dma)) if dma.local => {}
        // Where a guest's device gets to is a place of the host's.
        Statement::Expect(Expectation::Translation(expect))
            if owners.guests.contains(&expect.space.value) =>
        {
            if let Some(to) = expect.to.as_mut().filter(|to| to.base.is_none()) {
                shift(&mut to.offset, None);
            }
        }
        Statement::Operation(_) | Statement::Expect(_) if !owners.of_guest(statement) => {
            each_literal(statement, shift);
        }
        _ => {}
    }
}

/// What moves: the places that the scenario names, as far as ranges that begin in them reach.
fn shifts(scenario: &Scenario, outline: &Outline<'_>, names: &[&str], begin: u64) -> Vec<Shift> {
    // What the host keeps for itself lies at the beginning of RAM: a guest that was put there moves behind it.
    let there = |at: u64| at + if at < begin { begin } else { HOST_BYTES };
    let mut shifts: Vec<Shift> = outline
        .vms
        .iter()
        .filter_map(|vm| Some((literal(vm.at.as_ref()?)?.value, vm.ram.as_ref()?.addresses()?.len())))
        .filter(|(at, _)| (0x1000..begin + HOST_BYTES).contains(at))
        .map(|(from, bytes)| Shift { from, bytes, to: there(from) })
        .collect();
    let mut place = |at: Option<Num>, bytes: u64| {
        // A small number is more often an index or a count than a place, and is written the same.
        let moves = |at: &u64| (0x1000..begin).contains(at) && !shifts.iter().any(|s| s.has(*at));
        if let Some(from) = at.map(|at| at.value).filter(moves) {
            shifts.push(Shift { from, bytes: bytes.clamp(1, begin - from), to: begin + from });
        }
    };
    let length = |len: &Option<Num>| len.map_or(1, |len| len.value);
    for reserved in &outline.reserved {
        let range = &reserved.node.range;
        place(literal(&range.start), range.length().unwrap_or(1));
    }
    if let Some(pool) = &outline.swiotlb {
        place(pool.node.at.as_ref().and_then(literal), pool.node.size.value);
    }
    let mut owners = Owners::new(outline, names);
    for statement in scenario.lines.iter().filter_map(|line| line.statement.as_ref()) {
        owners.after(statement);
        let guest = owners.of_guest(statement);
        match statement {
            Statement::Operation(op) => match op {
                Operation::Alloc(op) if !guest => place(op.at.as_ref().and_then(literal), op.size.value),
                Operation::Map(op) if !guest => {
                    place(op.to.as_ref().and_then(literal), op.range.length().unwrap_or(1));
                }
                Operation::Poke(op) => place(literal(&op.at), 8),
                Operation::Fill(op) => place(literal(&op.at), length(&op.len)),
                Operation::CpuRead(op) if op.space.is_none() => place(literal(&op.at), length(&op.len)),
                Operation::CpuWrite(op) if op.space.is_none() => place(literal(&op.at), length(&op.len)),
                Operation::DeclareCoherent(op) => {
                    place(literal(&op.range.start), op.range.length().unwrap_or(1));
                }
                Operation::Dma(op) if owners.physical(op) => place(literal(&op.at), length(&op.len)),
                _ => {}
            },
            Statement::Expect(expect) => match expect {
                Expectation::Arrived(expect) => place(expect.at.as_ref().and_then(literal), 1),
                Expectation::Data(expect) if expect.space.is_none() => {
                    place(literal(&expect.at), length(&expect.len))
                }
                Expectation::Translation(expect) if !owners.is_guest(&expect.space.value) => {
                    place(expect.to.as_ref().and_then(literal), 1);
                }
                _ => {}
            },
            _ => {}
        }
    }
    // A range of IOVAs that begins in such a place moves as a whole.
    let mut grown = true;
    // Bounded: each turn makes one of them longer, and there are as many ends as lines.
    while core::mem::take(&mut grown) {
        let mut owners = Owners::new(outline, names);
        for line in &scenario.lines {
            let Some(statement) = &line.statement else { continue };
            owners.after(statement);
            let mut grow = |num: &mut Num, extent: Option<&mut Extent>| {
                let len = match extent {
                    Some(Extent::Length(len)) => len.value,
                    Some(Extent::End(end)) => end.value.saturating_sub(num.value),
                    None => return,
                };
                if let Some(shift) = shifts.iter_mut().find(|s| s.has(num.value)) {
                    let reaches = (num.value - shift.from).saturating_add(len);
                    if reaches > shift.bytes {
                        shift.bytes = reaches;
                        grown = true;
                    }
                }
            };
            move_statement(&mut statement.clone(), &owners, &mut grow);
        }
    }
    shifts
}

/// Replaces a number where it stands as a word of its own.
pub(super) fn replace_word(text: &str, old: &str, new: &str) -> String {
    let part = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_');
    let (mut out, mut rest) = (String::new(), text);
    // Bounded: each turn takes a word off the line.
    while let Some(at) = rest.find(old) {
        let (before, after) = (&rest[..at], &rest[at + old.len()..]);
        let whole =
            !part(before.chars().next_back().or(out.chars().next_back())) && !part(after.chars().next());
        out.push_str(before);
        out.push_str(if whole { new } else { old });
        rest = after;
    }
    out + rest
}

/// The number of a place that is written without a name.
pub(super) fn literal<A>(at: &Loc<A>) -> Option<Num> {
    at.base.is_none().then_some(at.offset)
}

#[cfg(test)]
mod tests;
