//! Pictures for the tests: the figure of Linux's DMA-API-HOWTO with numbers, and larger ones.

use super::model::*;
use crate::spec::Phrase;
use crate::trace::{OwnerState, Perms};
use alloc::{format, vec, vec::Vec};

pub fn end(column: ColumnId, address: u64, letter: char) -> End {
    End { at: Point { column, address }, letter: Some(letter).filter(|c| *c != ' ') }
}

pub fn arrow(key: &str, from: End, to: End, len: u64, kind: ArrowKind) -> Arrow {
    Arrow {
        key: key.into(),
        from,
        to,
        len,
        kind,
        state: ArrowState::Live,
        perms: Perms::RW,
        label: Phrase::default(),
    }
}

/// C -> B -> A and X -> Y <- Z.
pub fn howto() -> Model {
    let mut m = Model { title: Phrase::new("The HOWTO's figure", "HOWTO 之图"), ..Model::default() };
    let none = Phrase::default;
    let va = m.add_column("va", Space::Virtual, Phrase::new("CPU virtual address", "CPU 虚拟地址"), none());
    let pa = m.add_column("pa", Space::Physical, Phrase::new("CPU physical address", "CPU 物理地址"), none());
    let bus = m.add_column("bus", Space::Bus, Phrase::new("bus address", "总线域地址"), none());
    let r = |key: &str, first, len: u64, kind, en: &str, zh: &str| {
        Region::new(key, first, first + (len - 1), kind, Phrase::new(en, zh))
    };
    use RegionKind::*;
    m.columns[0].regions = vec![
        r("va/regs", 0xffff_c900_0004_0000, 0x1_0000, Mmio, "ioremap of nic regs", "nic 寄存器的 ioremap"),
        r("va/buf", 0xffff_8880_0180_0000, 0x1000, Buffer, "buf", "buf"),
    ];
    m.columns[1].regions = vec![
        r("pa/ram", 0, 4 << 30, Ram, "RAM", "RAM"),
        r("pa/mmio", 0x40_0000_0000, 256 << 20, Mmio, "MMIO window", "MMIO 窗口"),
        r("pa/bar", 0x40_0001_0000, 0x1_0000, Bar, "nic BAR 0", "nic BAR 0"),
        r("pa/buf", 0x180_0000, 0x1000, Buffer, "buf", "buf"),
        r("pa/root", 0x10_0000, 0x1000, Table, "root table", "根表"),
        r("pa/context", 0x10_1000, 0x1000, Table, "context table", "上下文表"),
        r("pa/sl4", 0x10_2000, 0x1000, Table, "level 4", "第 4 级页表"),
    ];
    m.columns[1].regions[3].state = Some(OwnerState::Device);
    m.columns[2].regions = vec![
        r("bus/bar", 0x8001_0000, 0x1_0000, Bar, "nic BAR 0", "nic BAR 0"),
        r("bus/buf", 0xffff_f000, 0x1000, Buffer, "buf", "buf"),
        r("bus/msi", 0xfee0_0000, 0x10_0000, Msi, "MSI", "MSI"),
    ];
    m.arrows = vec![
        arrow(
            "mmu/regs",
            end(va, 0xffff_c900_0004_0000, 'C'),
            end(pa, 0x40_0001_0000, 'B'),
            0x1_0000,
            ArrowKind::Mmu,
        ),
        arrow("win", end(pa, 0x40_0001_0000, 'B'), end(bus, 0x8001_0000, 'A'), 0x1_0000, ArrowKind::Window),
        arrow(
            "mmu/buf",
            end(va, 0xffff_8880_0180_0000, 'X'),
            end(pa, 0x180_0000, 'Y'),
            0x1000,
            ArrowKind::Mmu,
        ),
        arrow("iommu/buf", end(bus, 0xffff_f000, 'Z'), end(pa, 0x180_0000, 'Y'), 0x1000, ArrowKind::Stage2),
    ];
    m.add_actor("cpu", ActorKind::Cpu, Place::LeftOf(va), Phrase::same("CPU"), vec![]);
    let iommu = m.add_actor(
        "iommu",
        ActorKind::Iommu,
        Place::Between(pa, bus),
        Phrase::same("IOMMU"),
        vec![Phrase::same("IOTLB 0/64")],
    );
    let dev = m.add_actor(
        "dev:nic",
        ActorKind::Device,
        Place::RightOf(bus),
        Phrase::same("nic"),
        vec![Phrase::same("00:03.0")],
    );
    let z = Point { column: bus, address: 0xffff_f040 };
    m.token = Some(Token {
        address: 0x10_0000,
        space: Space::Physical,
        at: Anchor::Point(Point { column: pa, address: 0x10_0000 }),
        path: vec![
            Anchor::Actor(dev),
            Anchor::Point(z),
            Anchor::Actor(iommu),
            Anchor::Point(Point { column: pa, address: 0x10_0000 }),
        ],
        fate: Fate::Moving,
        until: 0,
        interrupt: Vec::new(),
        load: Phrase::new("MWr 64 B", "MWr 64 B"),
        shortcut: false,
    });
    m.lit = vec![
        Lit { what: Target::Region(pa, 4), how: Touch::Read, at: None },
        Lit { what: Target::Arrow(3), how: Touch::Used, at: None },
        Lit { what: Target::Actor(iommu), how: Touch::Used, at: None },
    ];
    m
}

/// Five address spaces: a guest's process whose pages lie scattered, a device with a map of its own, two VMs.
pub fn guest() -> Model {
    let mut m =
        Model { title: Phrase::new("Into a guest's process", "直达客户机进程"), ..Model::default() };
    let col = |m: &mut Model, key: &str, space, en: &str, zh: &str, owner: &str| {
        m.add_column(key, space, Phrase::new(en, zh), Phrase::same(owner))
    };
    let va = col(&mut m, "va:db", Space::Virtual, "guest virtual address", "客户机虚拟地址", "db, PASID 7");
    let gpa =
        col(&mut m, "gpa:blue", Space::GuestPhysical, "guest-physical address", "客户机物理地址", "blue");
    let gpb =
        col(&mut m, "gpa:green", Space::GuestPhysical, "guest-physical address", "客户机物理地址", "green");
    let pa = col(&mut m, "pa", Space::Physical, "physical address", "物理地址", "");
    let bus = col(&mut m, "bus:1", Space::Iova, "IOVA", "I/O 虚拟地址", "domain 1: nic, PASID 7");
    let dev = col(&mut m, "dev:nic", Space::Device, "device-local address", "设备本地地址", "nic");
    let ram = |key: &str, first: u64, len: u64| {
        Region::new(key, first, first + (len - 1), RegionKind::Ram, Phrase::same("RAM"))
    };
    m.columns[1].regions.push(ram("gpa:blue/ram", 0, 64 << 20));
    m.columns[2].regions.push(ram("gpa:green/ram", 0, 64 << 20));
    m.columns[3].regions.push(ram("pa/ram", 0, 8 << 30));
    m.columns[3].regions.push(Region::new(
        "pa/blue",
        1 << 32,
        (1 << 32) + (64 << 20) - 1,
        RegionKind::Buffer,
        Phrase::new("RAM of blue", "blue 的 RAM"),
    ));
    m.columns[3].regions.push(Region::new(
        "pa/green",
        0x1_4000_0000,
        0x1_4000_0000 + (64 << 20) - 1,
        RegionKind::Buffer,
        Phrase::new("RAM of green", "green 的 RAM"),
    ));
    for (i, page) in [5u64, 2, 9].into_iter().enumerate() {
        let v = 0x7f00_0000_0000 + i as u64 * 0x1000;
        let g = page * 0x10_0000;
        let page_of = |key: alloc::string::String, at: u64| {
            Region::new(
                key,
                at,
                at + 0xfff,
                RegionKind::Buffer,
                Phrase::new(format!("page {i}"), format!("第 {i} 页")),
            )
        };
        m.columns[0].regions.push(page_of(format!("va:db/{i}"), v));
        m.columns[1].regions.push(page_of(format!("gpa:blue/{i}"), g));
        m.columns[4].regions.push(page_of(format!("bus:1/{i}"), v));
        m.arrows.push(arrow(&format!("mmu/{i}"), end(va, v, ' '), end(gpa, g, ' '), 0x1000, ArrowKind::Mmu));
        m.arrows.push(arrow(
            &format!("nested/{i}"),
            end(bus, v, ' '),
            end(pa, (1 << 32) + g, ' '),
            0x1000,
            ArrowKind::Nested,
        ));
    }
    m.arrows.push(arrow("ept:blue", end(gpa, 0, ' '), end(pa, 1 << 32, ' '), 64 << 20, ArrowKind::Ept));
    m.arrows.push(arrow(
        "ept:green",
        end(gpb, 0, ' '),
        end(pa, 0x1_4000_0000, ' '),
        64 << 20,
        ArrowKind::Ept,
    ));
    m.columns[5].regions.push(Region::new(
        "dev:nic/w",
        0,
        0xfff,
        RegionKind::DeviceMemory,
        Phrase::new("window 0", "窗口 0"),
    ));
    m.arrows.push(arrow(
        "map",
        end(dev, 0, ' '),
        end(bus, 0x7f00_0000_0000, ' '),
        0x1000,
        ArrowKind::DeviceMap,
    ));
    m.arrows[1].state = ArrowState::Stale;
    m.add_actor("cpu", ActorKind::Cpu, Place::LeftOf(va), Phrase::same("CPU"), vec![]);
    m.add_actor("iommu", ActorKind::Iommu, Place::Between(pa, bus), Phrase::same("IOMMU"), vec![]);
    m.add_actor(
        "dev:nic",
        ActorKind::Device,
        Place::RightOf(dev),
        Phrase::same("nic"),
        vec![Phrase::same("00:03.0")],
    );
    m
}

/// Many buffers.
pub fn crowd(count: u64) -> Model {
    let mut m = Model { title: Phrase::new("Many buffers", "许多缓冲区"), ..Model::default() };
    let pa =
        m.add_column("pa", Space::Physical, Phrase::new("physical address", "物理地址"), Phrase::default());
    let bus = m.add_column("bus", Space::Iova, Phrase::new("IOVA", "I/O 虚拟地址"), Phrase::default());
    let mut arrows: Vec<Arrow> = vec![];
    m.columns[0].regions.push(Region::new("pa/ram", 0, (4 << 30) - 1, RegionKind::Ram, Phrase::same("RAM")));
    for i in 0..count {
        let p = 0x1000_0000 + (i * 7919 % count) * 0x4000;
        let b = 0xf000_0000 + i * 0x1000;
        let name = Phrase::same(format!("buf{i}"));
        m.columns[0].regions.push(Region::new(
            format!("pa/{i}"),
            p,
            p + 0xfff,
            RegionKind::Buffer,
            name.clone(),
        ));
        m.columns[1].regions.push(Region::new(format!("bus/{i}"), b, b + 0xfff, RegionKind::Buffer, name));
        arrows.push(arrow(
            &format!("iommu/{i}"),
            end(bus, b, ' '),
            end(pa, p, ' '),
            0x1000,
            ArrowKind::Stage2,
        ));
    }
    m.arrows = arrows;
    m.add_actor("cpu", ActorKind::Cpu, Place::LeftOf(pa), Phrase::same("CPU"), vec![]);
    m
}
