//! The engine: registers, and a state machine that makes one request of the bus at a time.

use super::burst::to_boundary;
use super::descriptor::{self, Descriptor, DESCRIPTOR};
use super::registers::{self, *};
use super::{Access, Bus, BusError, Inside};
use crate::addr::{Address, AnyAddr, BusAddr, DeviceAddr, Pasid, PhysAddr, RequesterId};
use crate::memory::FRAME;
use crate::platform::local::{LocalMap, Resolved};
use crate::platform::tlp::{PasidPrefix, Status};
use crate::spec::{Bits, Rule, Text};
use crate::trace::{Actor, Event, Observer, Perms, Scope, Verdict};
use alloc::vec;

/// A list longer than this is taken for a loop.
pub const MAX_DESCRIPTORS: u32 = 65_536;

/// An address as an engine uses it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EngineAddr {
    /// On the bus.
    Bus(BusAddr),
    /// Its own, before its map.
    Local(DeviceAddr),
}

impl EngineAddr {
    fn add(self, bytes: u64) -> Self {
        match self {
            EngineAddr::Bus(at) => EngineAddr::Bus(at.wrapping_add(bytes)),
            EngineAddr::Local(at) => EngineAddr::Local(at.wrapping_add(bytes)),
        }
    }
    /// With its space as a value.
    pub fn any(self) -> AnyAddr {
        match self {
            EngineAddr::Bus(at) => at.any(),
            EngineAddr::Local(at) => at.any(),
        }
    }
}

/// One block to be moved.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Block {
    /// Where, as the engine uses it.
    pub at: EngineAddr,
    /// How many bytes.
    pub len: u64,
    /// The other end.
    pub inside: Inside,
    /// The device writes; otherwise it reads.
    pub write: bool,
    /// For which process.
    pub pasid: Option<PasidPrefix>,
}

/// Why a transfer ended early.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stop {
    /// The bus refused a request.
    Bus(BusError),
    /// A descriptor is misaligned, or the list is longer than [`MAX_DESCRIPTORS`].
    BadDescriptor,
    /// The device's map leads nowhere.
    Unmapped,
    /// The block runs past the end of the engine's 64 bits of address.
    TooLong,
}

impl Stop {
    /// The code in STATUS and in a descriptor.
    pub fn code(self) -> u8 {
        match self {
            Stop::Bus(BusError::Status(Status::CompleterAbort)) => 2,
            Stop::Bus(BusError::Status(_)) => 1,
            Stop::Bus(BusError::Poisoned) => 3,
            Stop::BadDescriptor => 4,
            Stop::Bus(BusError::NoBusMaster) => 5,
            Stop::Unmapped => 6,
            Stop::TooLong => 7,
            Stop::Bus(BusError::Budget) => 8,
            Stop::Bus(BusError::NoFunction) => 9,
        }
    }
    /// The rule that a trace gives.
    pub fn rule(self) -> &'static Rule {
        &RULES[usize::from(self.code()) - 1]
    }
}

macro_rules! rules {
    ($(($en:literal, $zh:literal, $section:literal)),* $(,)?) => {
        [$(Rule { text: Text::new($en, $zh), section: $section }),*]
    };
}
static RULES: [Rule; 9] = rules![
    ("the request was refused: unsupported request", "请求被拒绝：不支持的请求（UR）", "PCIe 2.2.9.1"),
    ("the request was refused: completer abort", "请求被拒绝：完成者中止（CA）", "PCIe 2.2.9.1"),
    ("the data arrived poisoned", "收到的数据已损坏", "PCIe 2.7.2"),
    (
        "a descriptor must be aligned to 32 bytes, and a list must end",
        "描述符须 32 字节对齐，链表须有终点",
        "dma-engine: descriptors"
    ),
    (
        "Bus Master Enable is 0: the device may not send requests",
        "设备不得发出请求（Bus Master Enable 为 0）",
        "PCIe 7.5.1.1.3"
    ),
    ("the device's map leads nowhere", "设备本地地址无映射", "dma-engine: map"),
    (
        "the block runs past the end of the 64-bit address space",
        "数据块超出 64 位地址空间的末尾",
        "dma-engine: LENGTH"
    ),
    ("the run has spent what it may", "运行已达上限", "docs/scenario-language.md, Limits"),
    (
        "the virtual function is not there (VF Enable is 0, or NumVFs does not count it)",
        "虚拟功能不存在（VF Enable 为 0，或 NumVFs 未把它算在内）",
        "PCIe 9.3.3.3"
    ),
];

/// What a step came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Progress {
    /// Nothing to do.
    Idle,
    /// There is more to do.
    More,
    /// The transfer came to its end.
    Done,
    /// The transfer ended early.
    Stopped(Stop),
}

/// A block on its way.
#[derive(Clone, Copy, Debug)]
struct Moving {
    block: Block,
    done: u64,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Idle,
    /// One block by registers.
    Single(Moving),
    /// About to fetch this descriptor.
    Fetch(EngineAddr),
    /// Moving the block of the descriptor at this address.
    Listed(EngineAddr, Descriptor, Moving),
}

/// The engine of one device.
#[derive(Clone, Debug)]
pub struct Engine {
    requester: RequesterId,
    map: LocalMap,
    max_payload: u32,
    max_read: u32,
    control: u32,
    status: u32,
    address: u64,
    length: u64,
    device: u64,
    list: u64,
    moved: u64,
    pasid: u32,
    vector: u32,
    descriptors: u32,
    stopped: u64,
    state: State,
}

impl Engine {
    /// The engine of the function `requester`, with the device's map and its largest packets in bytes.
    pub fn new(requester: RequesterId, map: LocalMap, max_payload: u32, max_read: u32) -> Self {
        Engine {
            requester,
            map,
            max_payload,
            max_read,
            control: 0,
            status: 0,
            address: 0,
            length: 0,
            device: 0,
            list: 0,
            moved: 0,
            pasid: 0,
            vector: 0,
            descriptors: 0,
            stopped: 0,
            state: State::Idle,
        }
    }

    /// The device's map.
    pub fn map(&self) -> &LocalMap {
        &self.map
    }
    /// Sets the largest packets, as Device Control does.
    pub fn set_limits(&mut self, max_payload: u32, max_read: u32) {
        (self.max_payload, self.max_read) = (max_payload, max_read);
    }
    /// Is a transfer going on?
    pub fn busy(&self) -> bool {
        u64::from(self.status).is_set(status::BUSY)
    }
    /// Bytes moved by the last transfer, also when it ended early.
    pub fn moved(&self) -> u64 {
        self.moved
    }
    /// Descriptors handled by the last transfer.
    pub fn descriptors(&self) -> u32 {
        self.descriptors
    }
    /// The code of the last error; 0 when there was none.
    pub fn error(&self) -> u8 {
        u64::from(self.status).bits(status::CODE) as u8
    }

    fn value(&self, register: &crate::spec::Register) -> u64 {
        match register.offset {
            control::OFFSET => self.control.into(),
            status::OFFSET => self.status.into(),
            address::OFFSET => self.address,
            length::OFFSET => self.length,
            device::OFFSET => self.device,
            list::OFFSET => self.list,
            moved::OFFSET => self.moved,
            pasid::OFFSET => self.pasid.into(),
            vector::OFFSET => self.vector.into(),
            descriptors::OFFSET => self.descriptors.into(),
            stopped::OFFSET => self.stopped,
            _ => 0,
        }
    }

    /// Every register with its value, for views.
    pub fn registers(&self) -> impl Iterator<Item = (&'static crate::spec::Register, u64)> + '_ {
        registers::ALL.iter().copied().map(|r| (r, self.value(r)))
    }

    /// Reads 4 or 8 bytes of the register block, naturally aligned. All ones where there is no register.
    pub fn read_register<O: Observer>(&self, offset: u32, bytes: u8, obs: &mut O) -> u64 {
        let ones = if bytes == 8 { u64::MAX } else { u32::MAX.into() };
        let Some((register, shift)) = place(offset, bytes) else { return ones };
        let value = self.value(register);
        tell(obs, self.requester, register, value, value, false);
        value >> shift & ones
    }

    /// Writes 4 or 8 bytes of the register block. `true` when that starts a transfer: then [`Engine::step`].
    /// While one is going on, only STATUS takes writes.
    pub fn write_register<O: Observer>(&mut self, offset: u32, bytes: u8, value: u64, obs: &mut O) -> bool {
        let Some((register, shift)) = place(offset, bytes) else { return false };
        let old = self.value(register);
        let mask = if bytes == 8 { u64::MAX } else { u64::from(u32::MAX) << shift };
        let new = old & !mask | value << shift & mask;
        let idle = !self.busy();
        match register.offset {
            control::OFFSET if idle => self.control = (new & control::RW) as u32,
            status::OFFSET => {
                let mut after = register.after_write(old, u64::MAX, value);
                if value.is_set(status::ERROR) {
                    after.set(status::CODE, error::NONE);
                }
                self.status = after as u32;
            }
            address::OFFSET if idle => self.address = new,
            length::OFFSET if idle => self.length = new,
            device::OFFSET if idle => self.device = new,
            list::OFFSET if idle => self.list = new,
            pasid::OFFSET if idle => self.pasid = (new & pasid::RW) as u32,
            vector::OFFSET if idle => self.vector = new as u32,
            _ => {}
        }
        let rings = register.offset == doorbell::OFFSET;
        let start = rings && idle;
        let shown = if rings { value } else { self.value(register) };
        tell(obs, self.requester, register, old, shown, true);
        if start {
            self.start();
        }
        start
    }

    fn start(&mut self) {
        (self.moved, self.descriptors, self.stopped) = (0, 0, 0);
        self.status = status::BUSY.mask() as u32;
        self.state = if u64::from(self.control).is_set(control::LIST) {
            State::Fetch(EngineAddr::Bus(BusAddr::new(self.list)))
        } else {
            let block = Block {
                at: self.engine_addr(self.address, u64::from(self.control).is_set(control::LOCAL)),
                len: self.length,
                inside: Inside::Own(self.device),
                write: u64::from(self.control).is_set(control::WRITE),
                pasid: self.prefix(),
            };
            State::Single(Moving { block, done: 0 })
        };
    }

    fn engine_addr(&self, at: u64, local: bool) -> EngineAddr {
        if local {
            EngineAddr::Local(DeviceAddr::new(at))
        } else {
            EngineAddr::Bus(BusAddr::new(at))
        }
    }

    fn prefix(&self) -> Option<PasidPrefix> {
        if !u64::from(self.control).is_set(control::PASID) {
            return None;
        }
        let word = u64::from(self.pasid);
        let pasid = Pasid::new(word.bits(pasid::PASID) as u32)?;
        Some(PasidPrefix { pasid, execute: word.is_set(pasid::EXEC), privileged: word.is_set(pasid::PRIV) })
    }

    /// Runs until the transfer ends. How it ended; [`Progress::Idle`] when there was none.
    pub fn run<B: Bus>(&mut self, bus: &mut B) -> Progress {
        // Bounded: each step draws (`advance`) or ends; descriptors are records of the trace.
        loop {
            match self.step(bus) {
                Progress::More => {}
                end => return end,
            }
        }
    }

    /// Does the next thing: fetches a descriptor, moves what lies in one page, ends a block.
    pub fn step<B: Bus>(&mut self, bus: &mut B) -> Progress {
        match self.state {
            State::Idle => Progress::Idle,
            State::Single(mut moving) => {
                if moving.done == 0 {
                    self.open(bus, &moving.block);
                }
                match self.advance(bus, &mut moving) {
                    Ok(false) => {
                        self.state = State::Single(moving);
                        Progress::More
                    }
                    Ok(true) => {
                        self.close(bus, Verdict::Ok);
                        self.finish(bus, None)
                    }
                    Err(stop) => {
                        self.close(bus, Verdict::Refused(stop.rule()));
                        self.finish(bus, Some(stop))
                    }
                }
            }
            State::Fetch(at) => match self.fetch(bus, at) {
                Ok(descriptor) => {
                    let block = Block {
                        at: self.engine_addr(descriptor.address, descriptor.local),
                        len: descriptor.length.into(),
                        inside: Inside::Own(descriptor.device),
                        write: descriptor.write,
                        pasid: self.prefix(),
                    };
                    self.state = State::Listed(at, descriptor, Moving { block, done: 0 });
                    Progress::More
                }
                Err(stop) => {
                    self.stopped = at.any().raw;
                    self.finish(bus, Some(stop))
                }
            },
            State::Listed(at, descriptor, mut moving) => {
                if moving.done == 0 {
                    self.open(bus, &moving.block);
                }
                match self.advance(bus, &mut moving) {
                    Ok(false) => {
                        self.state = State::Listed(at, descriptor, moving);
                        Progress::More
                    }
                    Ok(true) => {
                        self.close(bus, Verdict::Ok);
                        self.next(bus, at, descriptor, None)
                    }
                    Err(stop) => {
                        self.close(bus, Verdict::Refused(stop.rule()));
                        self.next(bus, at, descriptor, Some(stop))
                    }
                }
            }
        }
    }

    /// Moves one block at once, outside the registers: what the engine does, without being programmed.
    /// The bytes moved, and why not more.
    pub fn transfer<B: Bus>(&mut self, bus: &mut B, block: &Block) -> (u64, Option<Stop>) {
        (self.moved, self.stopped) = (0, 0);
        let mut moving = Moving { block: *block, done: 0 };
        self.open(bus, block);
        // Bounded: `advance` draws, or ends.
        let end = loop {
            match self.advance(bus, &mut moving) {
                Ok(false) => {}
                Ok(true) => break None,
                Err(stop) => break Some(stop),
            }
        };
        self.close(bus, end.map_or(Verdict::Ok, |stop| Verdict::Refused(stop.rule())));
        (self.moved, end)
    }

    fn open<B: Bus>(&self, bus: &mut B, block: &Block) {
        let want = if block.write { Perms::W } else { Perms::R };
        let scope = Scope::Transfer { requester: self.requester, at: block.at.any(), want, bytes: block.len };
        bus.obs().begin(Actor::Device(self.requester), scope);
    }

    fn close<B: Bus>(&self, bus: &mut B, verdict: Verdict) {
        bus.obs().end(Actor::Device(self.requester), verdict);
    }

    /// Where an address of the engine leads, and how many of `len` bytes go there in one request.
    fn resolve<B: Bus>(&self, bus: &mut B, at: EngineAddr, len: u64) -> Option<(Resolved, u32)> {
        let (to, room) = match at {
            EngineAddr::Bus(at) => (Resolved::Bus(at), u64::MAX),
            EngineAddr::Local(at) => self.map.cross(self.requester, at, bus.obs())?,
        };
        let raw = match to {
            Resolved::Bus(at) => at.raw(),
            Resolved::Own(at) => at,
        };
        Some((to, to_boundary(raw, len.min(room))))
    }

    /// Moves what lies in one page. `true` when the block is done.
    fn advance<B: Bus>(&mut self, bus: &mut B, moving: &mut Moving) -> Result<bool, Stop> {
        let Moving { block, done } = *moving;
        let left = block.len - done;
        if left == 0 {
            return Ok(true);
        }
        let at = block.at.add(done);
        let inside = block.inside.add(done);
        self.stopped = at.any().raw;
        if block.at.any().raw.checked_add(block.len - 1).is_none() {
            return Err(Stop::TooLong);
        }
        // A page is the most that moves at once; one that stays inside the device makes no packet.
        if !bus.obs().spend(FRAME / 64) {
            return Err(Stop::Bus(BusError::Budget));
        }
        let (to, bytes) = self.resolve(bus, at, left).ok_or(Stop::Unmapped)?;
        let mut data = vec![0; bytes as usize];
        let limit = if block.write { self.max_payload } else { self.max_read };
        let mut sent = true;
        match (to, block.write) {
            (Resolved::Bus(at), true) => {
                bus.take(inside, &mut data);
                let access = Access { at, bytes, pasid: block.pasid, limit };
                match bus.write(&access, &data) {
                    // A write has no completion. Ours is notified by an error message of the root port and stops,
                    // unless it is to be as blind as most devices are.
                    Err(BusError::Status(_)) if u64::from(self.control).is_set(control::BLIND) => {
                        sent = false
                    }
                    Err(error) => return Err(Stop::Bus(error)),
                    Ok(_) => {}
                }
            }
            (Resolved::Bus(at), false) => {
                let access = Access { at, bytes, pasid: block.pasid, limit };
                bus.read(&access, &mut data).map_err(Stop::Bus)?;
                bus.put(inside, &data);
            }
            (Resolved::Own(own), true) => {
                bus.take(inside, &mut data);
                bus.put(Inside::Own(own), &data);
            }
            (Resolved::Own(own), false) => {
                bus.take(Inside::Own(own), &mut data);
                bus.put(inside, &data);
            }
        }
        moving.done += u64::from(bytes);
        if sent {
            self.moved += u64::from(bytes);
        }
        Ok(moving.done == block.len)
    }

    fn fetch<B: Bus>(&mut self, bus: &mut B, at: EngineAddr) -> Result<Descriptor, Stop> {
        let EngineAddr::Bus(address) = at else { return Err(Stop::Unmapped) };
        if address.raw() % descriptor::BYTES != 0 || self.descriptors >= MAX_DESCRIPTORS {
            return Err(Stop::BadDescriptor);
        }
        let me = Actor::Device(self.requester);
        let scope = Scope::Transfer {
            requester: self.requester,
            at: address.any(),
            want: Perms::R,
            bytes: descriptor::BYTES,
        };
        bus.obs().begin(me, scope);
        // Aligned to its size, it crosses no page.
        let access = Access {
            at: address,
            bytes: descriptor::BYTES as u32,
            pasid: self.prefix(),
            limit: self.max_read,
        };
        let mut data = [0; descriptor::BYTES as usize];
        let read = bus.read(&access, &mut data);
        let index = self.descriptors;
        if <B::Obs as Observer>::ON {
            if let Ok(pa) = read {
                let words = words(&data);
                let obs = bus.obs();
                let words = obs.words(&words);
                let entry = &DESCRIPTOR;
                let pa = pa.unwrap_or(PhysAddr::new(0));
                let at = address.any();
                obs.step(me, Event::Read { entry, level: 0, index, at, pa, words, verdict: Verdict::Ok });
            }
        }
        let verdict = match read {
            Ok(_) => Verdict::Ok,
            Err(error) => Verdict::Refused(Stop::Bus(error).rule()),
        };
        bus.obs().end(me, verdict);
        read.map_err(Stop::Bus)?;
        self.descriptors += 1;
        Ok(Descriptor::decode(words(&data)))
    }

    /// After a block of a list: writes its status back, interrupts if asked to, goes on or ends.
    fn next<B: Bus>(
        &mut self,
        bus: &mut B,
        at: EngineAddr,
        descriptor: Descriptor,
        stop: Option<Stop>,
    ) -> Progress {
        let done = Descriptor { done: true, error: stop.map_or(0, Stop::code), ..descriptor };
        let mut stop = stop;
        if let EngineAddr::Bus(address) = at {
            let access = Access {
                at: address.wrapping_add(8),
                bytes: 8,
                pasid: self.prefix(),
                limit: self.max_payload,
            };
            let me = Actor::Device(self.requester);
            let want = Perms::W;
            let scope = Scope::Transfer { requester: self.requester, at: access.at.any(), want, bytes: 8 };
            bus.obs().begin(me, scope);
            let wrote = bus.write(&access, &done.encode()[1].to_le_bytes());
            let verdict = match wrote {
                Ok(_) => Verdict::Ok,
                Err(error) => Verdict::Refused(Stop::Bus(error).rule()),
            };
            bus.obs().end(me, verdict);
            if let Err(error) = wrote {
                stop = stop.or(Some(Stop::Bus(error)));
            }
        }
        match (stop, descriptor.next) {
            (None, Some(next)) => {
                if descriptor.interrupt {
                    bus.interrupt(self.vector as u16);
                }
                self.state = State::Fetch(EngineAddr::Bus(BusAddr::new(next)));
                Progress::More
            }
            (stop, _) => {
                if descriptor.interrupt && !u64::from(self.control).is_set(control::IRQ) {
                    bus.interrupt(self.vector as u16);
                }
                self.finish(bus, stop)
            }
        }
    }

    fn finish<B: Bus>(&mut self, bus: &mut B, stop: Option<Stop>) -> Progress {
        self.state = State::Idle;
        let old = self.status;
        let ended = 0u64.with_flag(status::DONE, true).with_flag(status::ERROR, stop.is_some());
        self.status = ended.with(status::CODE, stop.map_or(error::NONE, |stop| stop.code().into())) as u32;
        if stop.is_none() {
            self.stopped = 0;
        }
        tell(bus.obs(), self.requester, &registers::STATUS, old.into(), self.status.into(), true);
        if u64::from(self.control).is_set(control::IRQ) {
            bus.interrupt(self.vector as u16);
        }
        stop.map_or(Progress::Done, Progress::Stopped)
    }
}

fn words(data: &[u8; descriptor::BYTES as usize]) -> [u64; 4] {
    let mut words = [0; 4];
    for (word, bytes) in words.iter_mut().zip(data.chunks_exact(8)) {
        *word = bytes.iter().rev().fold(0, |w, b| w << 8 | u64::from(*b));
    }
    words
}

/// The register an access is to, and how far up in it the access begins.
fn place(offset: u32, bytes: u8) -> Option<(&'static crate::spec::Register, u32)> {
    let register = registers::at(offset)?;
    let inside = offset - register.offset;
    let fits = matches!(bytes, 4 | 8)
        && offset % u32::from(bytes) == 0
        && inside + u32::from(bytes) <= register.bytes.into();
    fits.then_some((register, inside * 8))
}

fn tell<O: Observer>(
    obs: &mut O,
    requester: RequesterId,
    register: &'static crate::spec::Register,
    old: u64,
    new: u64,
    write: bool,
) {
    if O::ON {
        let event = Event::Register { register, offset: register.offset, old, new, write };
        obs.step(Actor::Device(requester), event);
    }
}
