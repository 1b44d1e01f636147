//! The macros' own tests: a table of each kind, read and written by name.

use super::*;

values! {
    /// How.
    MODES / mode { OFF = 0 "off" "关"; ON = 2 "on" "开"; }
}
const SHARED: Field = Field::value("SID", 79, 64, "source", "源");
structure! {
    /// For the tests.
    ENTRY / entry: 2 words, "test 1", "an entry" "表项" {
        P     [0]      flag "present" "存在";
        MODE "M.ode" [2:1] code(MODES) "how" "如何";
        _     [11:3]   reserved;
        PTR   [51:12]  address(12) "where" "何处";
        WIDE  [63:52]  value "number" "数";
        SID            = SHARED;
        ONE   [80]     value "one bit" "一位";
        _     [126:81] ignored;
        _     [127]    reserved;
    }
}
fields! {
    /// Shared.
    pub mod event: 32 bits {
        _  [29:0] reserved;
        IP [30]   flag "pending" "待发";
        IM [31]   flag rw "masked" "屏蔽";
    }
}
mod table {
    use super::*;
    registers! {
        section "test, " + name;
        STATUS / status: "status" at 0x34, 4 bytes, "a status" "状态" {
            OVER  [0]     flag w1c "overflow" "溢出";
            SIZE  [3:1]   value rw "size" "大小";
            _     [31:4]  reserved;
        }
        CONTROL / control: "control" at 0x38, 4 bytes, "a control" "控制" = event;
    }
}
mod codes {
    crate::spec::fault_codes! {
        section "test 2" { A = 1 "a.1" always "first" "一"; B = 2 "b" "second" "二"; }
        section "test 3" { C = 0x10 "c" "third" "三"; }
    }
}

#[test]
fn a_structure_is_read_and_written_by_name() {
    let words = entry::ZERO
        .with_flag(entry::P, true)
        .with(entry::MODE, mode::ON)
        .with_address(entry::PTR, 0x1234_5fff)
        .with(entry::SID, 0xabcd)
        .with(entry::ONE, 3);
    assert_eq!(words, [0x1234_5005, 0x1_abcd]);
    assert_eq!(words.address(entry::PTR), 0x1234_5000);
    assert_eq!(
        (words.bits(entry::MODE), words.bits(entry::WIDE), words.is_set(entry::P)),
        (mode::ON, 0, true)
    );
    assert_eq!(entry::RESERVED, [0xff8, 1 << 63]);
    assert!(
        ENTRY.reserved_set(&[8, 0], 64)
            && ENTRY.reserved_set(&[1 << 47, 0], 46)
            && !ENTRY.reserved_set(&words, 46)
    );
    assert_eq!(
        ENTRY.fields.iter().map(|f| f.name).collect::<alloc::vec::Vec<_>>().join(" "),
        "P M.ode Rsvd PTR WIDE SID ONE IGN Rsvd"
    );
}

#[test]
fn registers_know_what_software_may_do() {
    use table::*;
    assert_eq!((STATUS.rw, STATUS.w1c), (0xe, 1));
    assert_eq!((CONTROL.rw, CONTROL.w1c, control::OFFSET, control::IM.lo), (1 << 31, 0, 0x38, 31));
    assert_eq!(STATUS.section, "test, status");
    assert_eq!(STATUS.after_write(0x1, 0xffff_ffff, 0xff), 0xe);
    assert_eq!(STATUS.after_write(0x5, 0xffff_0000, 0xff), 0x5);
    assert_eq!(ALL.len(), 2);
    assert_eq!(status::FIELDS.len(), 3);
    assert_eq!(status::BYTES, 4);
}

#[test]
fn fault_codes_say_whether_they_are_always_recorded() {
    assert_eq!(codes::ALL.iter().map(|c| c.code).collect::<alloc::vec::Vec<_>>(), [1, 2, 16]);
    assert_eq!([1, 2, 3].map(codes::is_always_recorded), [Some(true), Some(false), None]);
    assert_eq!((codes::C.section, codes::A.name), ("test 3", "a.1"));
}
