//! Names: what each stands for, and whether each use names the right kind of thing.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use super::ast::{Declaration, Operation, Scenario, Statement};
use super::form::{Form, Mention};
use super::noun::Noun;
use super::problem::Problem;
use super::span::Span;
use super::MAX_PROBLEMS;
use crate::addr::RequesterId;

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameKind {
    /// A PCI function.
    Device,
    /// A root port, switch or downstream port.
    Port,
    /// A host bridge.
    Bridge,
    /// A virtual machine.
    Vm,
    /// A process.
    Process,
    /// A domain.
    Domain,
    /// Memory from `alloc`.
    Buffer,
    /// Memory from `dma_alloc_coherent`: buffer and handle in one.
    Coherent,
    /// What a `dma_map_` call gave.
    Handle,
    /// What `ioremap` gave.
    Mapping,
}

impl NameKind {
    /// In English and Chinese, as part of a sentence.
    pub const fn words(self) -> (&'static str, &'static str) {
        match self {
            NameKind::Device => ("a device", "设备"),
            NameKind::Port => ("a port", "端口"),
            NameKind::Bridge => ("a host bridge", "主桥"),
            NameKind::Vm => ("a virtual machine", "虚拟机"),
            NameKind::Process => ("a process", "进程"),
            NameKind::Domain => ("a domain", "域"),
            NameKind::Buffer => ("a buffer", "缓冲区"),
            NameKind::Coherent => ("coherent memory", "一致性内存"),
            NameKind::Handle => ("a DMA address", "DMA 地址"),
            NameKind::Mapping => ("an I/O mapping", "I/O 映射"),
        }
    }

    /// May a name of this kind stand where `role` is expected? The editor completes by it.
    pub const fn fits(self, role: Noun) -> bool {
        use NameKind as K;
        match role {
            Noun::Device => matches!(self, K::Device),
            Noun::DeviceOrBdf => matches!(self, K::Device | K::Port),
            Noun::Port => matches!(self, K::Port | K::Bridge),
            Noun::Process => matches!(self, K::Process),
            Noun::Vm => matches!(self, K::Vm),
            Noun::Domain => matches!(self, K::Domain),
            Noun::Space => matches!(self, K::Process | K::Vm | K::Domain),
            Noun::CpuSpace => matches!(self, K::Process | K::Vm),
            Noun::CacheOwner => matches!(self, K::Process | K::Vm | K::Domain | K::Device),
            Noun::Attachment => matches!(self, K::Vm | K::Domain),
            Noun::Buffer => matches!(self, K::Buffer),
            Noun::Handle => matches!(self, K::Handle | K::Coherent),
            Noun::Address => matches!(self, K::Device | K::Buffer | K::Coherent | K::Handle | K::Mapping),
            _ => false,
        }
    }

    /// May `part` follow the name, as in `nic.bar0`?
    fn has_part(self, part: &str) -> bool {
        match self {
            NameKind::Device => DEVICE_PARTS.contains(&part),
            NameKind::Handle => MEMORY_PARTS.contains(&part) || part.bytes().all(|b| b.is_ascii_digit()),
            _ => MEMORY_PARTS.contains(&part),
        }
    }
    fn parts(self) -> &'static [&'static str] {
        if self == NameKind::Device {
            DEVICE_PARTS
        } else {
            MEMORY_PARTS
        }
    }
}

const DEVICE_PARTS: &[&str] = &["bar0", "bar1", "bar2", "bar3", "bar4", "bar5"];
const MEMORY_PARTS: &[&str] = &["va", "pa", "gpa", "iova"];

/// A name that a statement gives.
#[derive(Clone, Debug, PartialEq)]
pub struct Symbol {
    /// The name.
    pub name: String,
    /// What it stands for.
    pub kind: NameKind,
    /// Where it is given.
    pub span: Span,
}

/// The names that a statement mentions, in order, and as what: the one it gives, and those it uses.
pub fn mentions(statement: &Statement) -> Vec<Mention> {
    let mut statement = statement.clone();
    let mut form = Form::visitor();
    // Visiting has nothing to refuse.
    let _ = statement.form(&mut form);
    form.into_mentions()
}

/// Does `each` to every address of the statement that is written as a number, with what says how far from it.
pub(super) fn each_literal(
    statement: &mut Statement,
    each: &mut dyn FnMut(&mut super::number::Num, Option<&mut super::place::Extent>),
) {
    // Visiting has nothing to refuse.
    let _ = statement.form(&mut Form::literals(each));
}

/// Every name that the scenario gives, in the order of the text (a name given again is there again).
pub fn symbols(scenario: &Scenario) -> Vec<Symbol> {
    let mut out = Vec::new();
    for statement in scenario.lines.iter().filter_map(|line| line.statement.as_ref()) {
        if let Some(kind) = kind_of(statement) {
            let given = mentions(statement).into_iter().find(|m| m.role == Noun::NewName);
            out.extend(given.map(|m| Symbol { name: m.name, kind, span: m.span }));
        }
    }
    out
}

/// What the name stands for that a statement gives, if it gives one.
fn kind_of(statement: &Statement) -> Option<NameKind> {
    use {Declaration as D, NameKind as K, Operation as O};
    Some(match statement {
        Statement::Declaration(D::Device(_)) => K::Device,
        Statement::Declaration(D::RootPort(_) | D::Switch(_) | D::DownstreamPort(_)) => K::Port,
        Statement::Declaration(D::HostBridge(_)) => K::Bridge,
        Statement::Declaration(D::Vm(_)) => K::Vm,
        Statement::Declaration(D::Process(_)) => K::Process,
        Statement::Operation(O::Domain(_)) => K::Domain,
        Statement::Operation(O::Alloc(_)) => K::Buffer,
        Statement::Operation(O::AllocCoherent(_)) => K::Coherent,
        Statement::Operation(O::MapSingle(_) | O::MapPage(_) | O::MapSg(_) | O::MapResource(_)) => K::Handle,
        Statement::Operation(O::Ioremap(_)) => K::Mapping,
        _ => return None,
    })
}

/// Problems with names: unknown, of the wrong kind, given twice.
///
/// Names of the machine may be used before the line that gives them, names of operations only after. An
/// operation may give its name again to the same kind of thing; the later one counts from there on.
pub(super) fn check(scenario: &Scenario, problems: &mut Vec<Problem>) {
    let mut known: BTreeMap<String, (NameKind, Span)> = BTreeMap::new();
    let give = |known: &mut BTreeMap<String, (NameKind, Span)>, statement: &Statement| {
        let kind = kind_of(statement)?;
        let given = mentions(statement).into_iter().find(|m| m.role == Noun::NewName)?;
        // The lines of one bridge all name it.
        let again =
            matches!(statement, Statement::Operation(_) | Statement::Declaration(Declaration::HostBridge(_)));
        match known.get(&given.name) {
            Some((before, _)) if again && *before == kind => {}
            Some((before, first)) => {
                let (en, zh) = before.words();
                return Some(
                    Problem::new(
                        given.span,
                        alloc::format!("the name `{}` is taken by {en}", given.name),
                        alloc::format!("名称 `{}` 已经用于{zh}", given.name),
                    )
                    .related(*first, "it is given here", "在这里给出"),
                );
            }
            None => {}
        }
        known.entry(given.name).or_insert((kind, given.span));
        None
    };
    let statements = || scenario.lines.iter().filter_map(|line| line.statement.as_ref());
    for statement in statements().filter(|s| matches!(s, Statement::Declaration(_))) {
        problems.extend(give(&mut known, statement));
    }
    for statement in statements() {
        if problems.len() >= MAX_PROBLEMS {
            return;
        }
        for mention in mentions(statement) {
            problems.extend(check_use(&mention, &known));
        }
        if matches!(statement, Statement::Operation(_)) {
            problems.extend(give(&mut known, statement));
        }
    }
}

/// Is a name used as what it is?
fn check_use(mention: &Mention, known: &BTreeMap<String, (NameKind, Span)>) -> Option<Problem> {
    let Mention { name, part, role, span } = mention;
    let is_word = match role {
        Noun::NewName | Noun::Fault | Noun::Register | Noun::ErrorName => true,
        Noun::Attachment => matches!(name.as_str(), "pass-through" | "blocked"),
        Noun::DeviceOrBdf => RequesterId::parse(name).is_some(),
        _ => false,
    };
    if is_word {
        return None;
    }
    let Some((kind, given)) = known.get(name) else {
        let fitting = known.iter().filter(|(_, (kind, _))| kind.fits(*role)).map(|(name, _)| name.as_str());
        return Some(
            Problem::new(
                *span,
                alloc::format!("nothing is called `{name}` here"),
                alloc::format!("这里没有名为 `{name}` 的东西"),
            )
            .suggest(name, fitting),
        );
    };
    if !kind.fits(*role) {
        let ((is_en, is_zh), (want_en, want_zh)) = (kind.words(), role.describe());
        return Some(
            Problem::new(
                *span,
                alloc::format!("expected {want_en}; `{name}` is {is_en}"),
                alloc::format!("这里应为{want_zh}；`{name}` 是{is_zh}"),
            )
            .related(*given, "it is given here", "在这里给出"),
        );
    }
    let part = part.as_ref()?;
    if kind.has_part(part) {
        return None;
    }
    let (en, zh) = kind.words();
    Some(
        Problem::new(
            *span,
            alloc::format!("`{name}` is {en}: it has no part `{part}`"),
            alloc::format!("`{name}` 是{zh}，没有 `{part}` 这一部分"),
        )
        .suggest(part, kind.parts().iter().copied()),
    )
}
