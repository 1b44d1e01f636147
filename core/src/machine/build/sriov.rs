//! Single root I/O virtualization as a scenario says it: `sriov` and `vf-bar` below a device, and `vf-of` at the virtual functions.

use super::super::problem;
use crate::platform::config::{BarKind, BarSpec, ConfigSpace};
use crate::platform::topology::{NodeId, Topology};
use crate::scenario::ast::VfBar;
use crate::scenario::outline::{At, DevicePlan, Outline};
use crate::scenario::{Num, Problem, Span};
use alloc::format;

/// What a virtual function is made by.
pub(super) struct Physical {
    /// The physical function.
    pub node: NodeId,
    /// Which of its virtual functions it is, from 0: lines count in their order.
    pub number: u16,
    /// The physical function's line.
    pub line: Span,
}

/// The physical function of a `device` line with `vf-of`.
pub(super) fn physical(
    plan: &DevicePlan<'_>,
    outline: &Outline<'_>,
    topology: &Topology,
) -> Result<Option<Physical>, Problem> {
    let Some(of) = &plan.device.vf_of else { return Ok(None) };
    let found = outline.devices.iter().find(|d| d.device.name.value == of.value);
    let (Some(above), Some(node)) = (found, topology.by_name(&of.value)) else {
        return Err(Problem::new(
            of.span,
            format!("there is no device `{}` above", of.value),
            format!("上文没有名为 `{}` 的设备", of.value),
        ));
    };
    let line = above.device.span;
    let theirs = |problem: Problem| problem.related(line, "the physical function", "物理功能在这里");
    let Some(sriov) = above.sriov.first() else {
        return Err(theirs(Problem::new(
            of.span,
            format!(
                "{0} makes no virtual functions: a line `sriov COUNT` below it says how many it can make",
                of.value
            ),
            format!("{0} 不会生成虚拟功能：在它下面写一行 `sriov 个数`", of.value),
        )));
    };
    let own = plan.bars.first().map(|b| (b.span, "bar")).or(plan.sriov.first().map(|s| (s.span, "sriov")));
    if let Some((span, word)) = own.or(plan.vf_bars.first().map(|b| (b.span, "vf-bar"))) {
        return Err(theirs(Problem::new(
            span,
            format!(
                "a virtual function has no `{word}` of its own: its BARs are the `vf-bar` lines of {}",
                of.value
            ),
            format!("虚拟功能没有自己的 `{word}`：它的 BAR 由 {} 的 `vf-bar` 给出", of.value),
        )));
    }
    if let Some(behind) =
        plan.device.behind.as_ref().filter(|b| topology.by_name(&b.value) != topology.node(node).parent)
    {
        return Err(theirs(Problem::new(
            behind.span,
            format!(
                "a virtual function is where its physical function is: leave `behind {}` out",
                behind.value
            ),
            format!("虚拟功能与物理功能在同一处：去掉 `behind {}`", behind.value),
        )));
    }
    let same =
        outline.devices.iter().filter(|d| d.device.vf_of.as_ref().is_some_and(|v| v.value == of.value));
    let number = same.take_while(|d| !core::ptr::eq(d.device.node, plan.device.node)).count() as u64;
    let of_line = |problem: Problem| problem.related(sriov.span, "this says how many", "个数写在这里");
    if number >= sriov.total.value {
        return Err(of_line(Problem::new(
            plan.device.span,
            format!("{} can make {} virtual functions, and this is one more", of.value, sriov.total),
            format!("{} 最多生成 {} 个虚拟功能，这里多了一个", of.value, sriov.total),
        )));
    }
    if let Some(stride) = sriov.stride.filter(|stride| stride.value == 0 && number > 0) {
        return Err(Problem::new(
            stride.span,
            "with several virtual functions `stride` is 1 or more: two would have one id",
            "有多个虚拟功能时 `stride` 至少为 1，否则两个会是同一个 ID",
        )
        .related(plan.device.span, "the other", "另一个在这里"));
    }
    Ok(Some(Physical { node, number: number as u16, line }))
}

/// Makes the SR-IOV capability of a device that has the line, with the BARs of its virtual functions.
pub(super) fn capability(plan: &DevicePlan<'_>, config: &mut ConfigSpace) -> Result<(), Problem> {
    let Some(line) = plan.sriov.first() else {
        return match plan.vf_bars.first() {
            Some(bar) if plan.device.vf_of.is_none() => Err(Problem::new(
                bar.span,
                "`vf-bar` is of a device with a line `sriov COUNT`",
                "`vf-bar` 属于写有 `sriov 个数` 的设备",
            )),
            _ => Ok(()),
        };
    };
    if let Some(second) = plan.sriov.get(1) {
        return Err(Problem::new(
            second.span,
            "`sriov` may stand only once below a device",
            "一个设备下面只能有一行 `sriov`",
        )
        .related(line.span, "the first is here", "第一次在这里"));
    }
    let sixteen = |num: &Num| match num.value {
        1..=0xffff => Ok(num.value as u16),
        _ => Err(Problem::new(num.span, "a number from 1 to 65,535", "应为 1 至 65,535 的数")),
    };
    let total = sixteen(&line.total)?;
    let first = line.first.as_ref().map_or(Ok(1), sixteen)?;
    // With one function only, what would be the next one's is of no use: 0 may stand there.
    let stride = line.stride.as_ref().filter(|n| n.value != 0).map(sixteen).transpose()?;
    let stride = stride.unwrap_or(line.stride.map_or(1, |_| 0));
    config.add_sriov(total, first, stride, 0x11e9);
    for bar in &plan.vf_bars {
        let kind = if bar.wide { BarKind::Memory64 } else { BarKind::Memory32 };
        let spec = BarSpec { kind, prefetch: bar.prefetch, size: bar.size.value };
        config.add_vf_bar(bar.index.value as u8, spec).map_err(|e| problem(bar.span, e))?;
    }
    Ok(())
}

/// The BARs of a virtual function; none of a function that is no virtual one.
pub(super) fn vf_bars<'a, 's>(plan: &DevicePlan<'s>, outline: &'a Outline<'s>) -> &'a [At<'s, VfBar>] {
    let above = plan.device.vf_of.as_ref();
    let above = above.and_then(|of| outline.devices.iter().find(|d| d.device.name.value == of.value));
    above.map_or(&[], |above| &above.vf_bars)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::addr::RequesterId;
    use crate::machine::run::run;
    use alloc::string::{String, ToString};
    use alloc::vec::Vec;
    use proptest::prelude::*;

    fn text(port: &str, sriov: &str, vfs: &[String], steps: &str) -> String {
        let head = "iommu-playground 2\nmachine vt-d\nram 0 .. 1G\n";
        let physical = format!("rootport rp 00:1c.0 acs{port}\ndevice nic 01:00.0 behind rp\n  {sriov}\n");
        format!("{head}{physical}{}\nsteps\n{steps}", vfs.join("\n"))
    }

    fn problem(text: &str) -> (String, usize) {
        match run(text) {
            Ok(_) => panic!("it runs:\n{text}"),
            Err(problems) => (problems.0[0].message.en.clone(), problems.0[0].related.iter().len()),
        }
    }

    #[test]
    fn what_contradicts_is_said_with_both_lines() {
        let vf = |line: &str| [line.to_string()];
        let two = ["device a 01:00.1 vf-of nic".into(), "device b 01:00.2 vf-of nic".into()];
        for (sriov, vfs, want) in [
            ("sriov 8 first 2", &vf("device a 01:00.1 vf-of nic")[..], "is 01:00.2: its own id"),
            ("sriov 8 first 65535", &vf("device a 01:00.1 vf-of nic"), "would be past bus ff"),
            ("sriov 1", &two[..], "can make 1 virtual functions, and this is one more"),
            ("sriov 8 stride 0", &two[..], "two would have one id"),
            ("bar 0 4K", &vf("device a 01:00.1 vf-of nic"), "makes no virtual functions"),
            ("sriov 8", &vf("device a 01:00.1 vf-of nic\n  bar 0 4K"), "has no `bar` of its own"),
            ("sriov 8", &vf("device a 01:00.1 vf-of nic\n  sriov 2"), "has no `sriov` of its own"),
            ("sriov 8\n  sriov 9", &vf(""), "only once"),
            ("vf-bar 0 4K", &vf(""), "a line `sriov COUNT`"),
            ("sriov 0", &vf(""), "from 1 to 65,535"),
            ("sriov 8\n  vf-bar 0 5K", &vf(""), "not a power of two"),
            ("sriov 8000\n  vf-bar 0 1M", &vf(""), "no room for the window of rp"),
        ] {
            let (message, related) = problem(&text("", sriov, vfs, "cpu config-read nic 0 size 4\n"));
            assert!(message.contains(want), "{sriov}: {message}");
            let alone = want.contains("65,535") || want.contains("COUNT") || want.contains("power");
            assert!(related > 0 || alone || want.contains("no room"), "{sriov}: {message}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        /// Whatever the offsets are, each virtual function has the id and the part of the BAR that Linux computes
        /// (drivers/pci/iov.c, `pci_iov_virtfn_devfn` and `pci_iov_add_virtfn`), is alone in its group, and its DMA arrives.
        #[test]
        fn ids_and_bars_are_those_that_linux_computes(first in 1u32..100, stride in 1u32..20, vfs in 1u32..8, more in 0u32..4, log in 12u32..18) {
            let total = vfs + more;
            prop_assume!(first + stride * vfs < 256);
            let size = 1u64 << log;
            let id = |n: u32| RequesterId::new(0x100 + first + stride * n);
            let lines: Vec<String> = (0..vfs).map(|n| format!("device vf{n} {} vf-of nic", id(n))).collect();
            let mut steps = String::from("alloc b 4K\n");
            for n in 0..vfs {
                steps += &format!("m{n} = dma_map_single vf{n} b from-device\ndma vf{n} write m{n} +16\nexpect arrived at b\n");
                steps += &format!("expect group vf{n} != nic\nexpect address vf{n}.bar0 = vf0.bar0+{:#x}\n", size * u64::from(n));
                steps += &format!("p{n} = ioremap vf{n}.bar0\ncpu write p{n} {n} size 4\nexpect arrived at vf{n}.bar0\n");
            }
            let sriov = format!("sriov {total} first {first} stride {stride}\n  vf-bar 0 {size} memory");
            let text = text(" ari", &sriov, &lines, &steps);
            let run = run(&text).unwrap_or_else(|problems| panic!("{problems}\n{text}"));
            prop_assert!(run.stopped.is_none() && run.failures().next().is_none(), "{}\n{:?}", text, run.failures().next());
        }
    }
}
