use super::*;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// The sketch of the design, made better.
const SKETCH: &str = r#"iommu-playground 1
title "One NIC, straight into a guest"
title.zh "一块网卡，直通给客户机"
machine vt-d scalable width 48 iotlb 64
iommu strict
ram 0 .. 3G
bridge cpu 0xc000_0000 +256M -> bus 0x8000_0000

# the only device
device nic 00:03.0 mask 64 pasid
  bar 0 64K at bus 0x8001_0000
  engine linked-list max-payload 256
vm blue ram 0 +64M at 0x1_0000_0000
process db in blue pasid 7
steps
  attach nic to blue
  bind nic to db pasid 7
  note "Three pages, from all over."
  note.zh "三页，各在一处。"
  map db 0x7f00_0000_0000 +12K rw scattered
  dma nic write 0x7f00_0000_0000 +6000 pasid 7 data pattern  # two pages touched
  expect fault none
  expect fault vt-d 0x6 riscv 13 at 0x7f00_0000_0000
"#;

fn ok(text: &str) -> Scenario {
    parse(text).unwrap_or_else(|p| panic!("{p}\n{text}"))
}

#[test]
fn the_sketch_is_canonical() {
    let scenario = ok(SKETCH);
    assert_eq!(print(&scenario), SKETCH);
    let outline = Outline::new(&scenario);
    assert_eq!(outline.title.zh, Some("一块网卡，直通给客户机"));
    assert_eq!(outline.devices[0].bars.len(), 1);
    assert_eq!(outline.steps.len(), 6);
    assert_eq!(outline.steps[2].notes[0].zh, Some("三页，各在一处。"));
}

#[test]
fn spelling_and_spacing_become_canonical() {
    let text = "iommu-playground 1\r\n\n\nram  0..4G   #all\nsteps\n#one\nalloc rx 0x1800   scattered\ncpu read rx+0x0\n\n\n";
    let printed = print(&ok(text));
    assert_eq!(
        printed,
        "iommu-playground 1\n\nram 0 .. 4G  #all\nsteps\n  #one\n  alloc rx 0x1800 scattered\n  cpu read rx\n"
    );
    assert_eq!(ok(&printed), ok(&print(&ok(&printed))));
}

/// The problems of a step line, after a minimal machine.
fn step_problem(line: &str) -> String {
    let text = alloc::format!("iommu-playground 1\nsteps\n{line}\n");
    parse(&text).expect_err(line).to_string()
}

#[test]
fn problems_say_where_what_and_what_would_be_right() {
    for (line, message) in [
        ("dmaa nic read 0", "3:1: `dmaa` is no statement; did you mean `dma`?"),
        ("dma nic wirte 0", "3:9: expected `read` or `write`, found `wirte`; did you mean `write`?"),
        (
            "dma nic write 0x1000 +4K pasdi 7",
            "3:26: expected `pasid`, `data`, `privileged`, `execute`, `translated`, `requester`, `times` or `stride`, found `pasdi`; did you mean `pasid`?",
        ),
        ("dma nic write 0x1000 +4K pasid", "3:31: expected a PASID from 0 to 1048575, found the end of the line"),
        ("dma nic write 0x1_0000_0000_0000_0000 +4K", "3:15: `0x1_0000_0000_0000_0000` does not fit 64 bits"),
        ("dma nic write 0x1000+4K", "3:21: a length is a word of its own: write a space before `+4K`"),
        ("map d0 0x2000 .. 0x1000", "3:8: the range ends before it begins"),
        ("map d0 0xffff_ffff_ffff_f000 +8K", "3:8: the range runs past the end of 64 bits"),
        ("map d0 0 +4K rw r", "3:17: `r` comes after `rw`: only one of them fits (3:14: the first is here)"),
        ("alloc rx 4K high high", "3:18: `high` is given twice (3:13: the first is here)"),
        ("cpu raed 0", "3:5: expected `read`, `write`, `in`, `out`, `config-read` or `config-write`, found `raed`; did you mean `read`?"),
        ("expect fault none", "3:1: nothing has been done yet that this could be about"),
        ("rx = alloc nic 4K", "3:1: this statement gives nothing that could take a name"),
        ("dma_map_single nic rx to-device", "3:1: this call gives an address: name it, as in `rx = ...`"),
        ("device nic 00:03.0", "3:1: `device` must stand before `steps` (2:1: the steps begin here)"),
        ("fill rx \"abc", "3:13: expected `\"` to end the text, found the end of the line"),
        ("fill rx \"a\\q\"", "3:11: expected `\\n`, `\\t`, `\\r`, `\\\"` or `\\\\`, found `\\q`"),
        ("fill 网卡 \"a\" x", "3:6: expected an address such as `0x1000`, `rx+0x40` or `nic.bar0`, found `网卡`"),
        ("note \"x\"", "3:1: this note has no statement after it"),
    ] {
        let found = step_problem(line);
        assert!(found.ends_with(message) || found.contains(message), "{line}\n  {found}\n  {message}");
    }
    assert!(parse("").is_err());
    assert!(parse("iommu-playgroung 1")
        .unwrap_err()
        .to_string()
        .contains("did you mean `iommu-playground`?"));
    assert!(parse("iommu-playground 2").unwrap_err().to_string().starts_with("1:18: language version 2"));
    let big = "#".repeat(MAX_TEXT + 1);
    assert!(parse(&big).unwrap_err().to_string().contains("262145 bytes"));
}

#[test]
fn spans_find_their_text() {
    let text = "iommu-playground 1\ntitle \"网卡\" oops\n";
    let problem = &parse(text).unwrap_err().0[0];
    assert_eq!(&text[problem.span.bytes(text)], "oops");
}

#[test]
fn every_verb_is_one_of_a_kind_and_describes_itself() {
    let entries = reference::reference();
    let mut verbs: Vec<_> = entries.iter().map(|e| e.verb).collect();
    verbs.sort_unstable();
    verbs.dedup();
    assert_eq!(verbs.len(), entries.len());
    let device = entries.iter().find(|e| e.verb == "device").unwrap();
    assert!(
        device.syntax.starts_with("device NAME BDF [behind PORT] [mask BITS] [pasid]"),
        "{}",
        device.syntax
    );
}

#[test]
fn names_are_found_with_their_roles() {
    let scenario = ok("iommu-playground 1\nsteps\nrx = dma_map_single nic buf+0x40 to-device\n");
    let statement = scenario.lines[2].statement.as_ref().unwrap();
    let found: Vec<_> = names(statement).into_iter().map(|m| (m.name, m.role)).collect();
    use noun::Noun;
    assert_eq!(
        found,
        [("rx".into(), Noun::NewName), ("nic".into(), Noun::Device), ("buf".into(), Noun::Address)]
    );
}
