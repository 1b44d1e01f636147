//! A QEMU without guest code, driven through its test socket.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Where the unit's registers are on a PC.
pub const UNIT: u64 = 0xfed9_0000;
/// RAM ends here; below 2.75 GiB all of it is below 4 GiB.
pub const RAM_END: u64 = 0xaf00_0000;
/// The slots of the two `edu` devices.
pub const SLOTS: [u8; 2] = [4, 5];
const BAR: [u64; 2] = [0xfea0_0000, 0xfeb0_0000];
const BUFFER: u64 = 0x4_0000;

/// A running QEMU; dropping it ends the process, as does the end of this one.
pub struct Qemu {
    shell: Child,
    stream: BufReader<UnixStream>,
    dir: PathBuf,
    /// Commands sent, for the report.
    pub commands: u64,
}

fn program() -> String {
    std::env::var("IOMMU_PLAY_QEMU").unwrap_or_else(|_| "qemu-system-x86_64".to_owned())
}

/// The QEMU on this machine, if there is one of the version whose deviations are known.
pub fn version() -> Result<String, String> {
    let out = Command::new(program()).arg("--version").output().map_err(|e| format!("{}: {e}", program()))?;
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    let first = text.lines().next().unwrap_or_default().to_owned();
    if first.contains("version 10.0.") {
        Ok(first)
    } else {
        Err(format!("QEMU 10.0 is needed, this is {first:?}"))
    }
}

impl Qemu {
    /// Starts one with this `intel-iommu` device.
    pub fn start(unit: &str) -> Qemu {
        let name = format!("iommu-live-{}-{:x}", std::process::id(), unique());
        let dir = std::env::temp_dir().join(name);
        std::fs::create_dir(&dir).expect("temporary directory");
        let socket = dir.join("qtest");
        let bios = dir.join("bios");
        // 64 KiB of HLT: the CPU stops at its first instruction, and virtual time runs from timer to timer.
        std::fs::write(&bios, vec![0xf4; 0x1_0000]).expect("bios");
        let listener = UnixListener::bind(&socket).expect("socket");
        listener.set_nonblocking(true).expect("socket");
        // The shell kills QEMU when its standard input closes: however this process ends, QEMU does too.
        let script = "\"$@\" </dev/null & p=$!; read _; kill -9 $p; wait $p";
        let mut command = Command::new("sh");
        command.args(["-c", script, "sh"]).arg(program());
        command.args(["-accel", "tcg", "-icount", "shift=0,sleep=off", "-nodefaults", "-display", "none"]);
        command.args(["-M", "q35,pit=off,hpet=off", "-m", "2800M", "-qtest-log", "/dev/null"]);
        command.arg("-bios").arg(&bios).arg("-qtest").arg(format!("unix:{}", socket.display()));
        command.arg("-device").arg(unit);
        for slot in SLOTS {
            command.arg("-device").arg(format!("edu,addr={slot},dma_mask=0xffffffffffffffff"));
        }
        let stderr = std::fs::File::create(dir.join("stderr")).expect("stderr");
        let mut shell = command
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(stderr)
            .spawn()
            .expect("a shell to run QEMU in");
        let started = Instant::now();
        let stream = loop {
            match listener.accept() {
                Ok((stream, _)) => break stream,
                Err(_) if started.elapsed() < Duration::from_secs(120) => {
                    std::thread::sleep(Duration::from_millis(5));
                }
                Err(error) => {
                    drop(shell.stdin.take());
                    let _ = shell.wait();
                    let said = std::fs::read_to_string(dir.join("stderr")).unwrap_or_default();
                    let _ = std::fs::remove_dir_all(&dir);
                    panic!("QEMU did not connect: {error}\n{said}");
                }
            }
        };
        stream.set_nonblocking(false).expect("socket");
        stream.set_read_timeout(Some(Duration::from_secs(120))).expect("socket");
        let mut qemu = Qemu { shell, stream: BufReader::new(stream), dir, commands: 0 };
        for (i, bar) in BAR.into_iter().enumerate() {
            qemu.config_write(i, 0x10, bar as u32);
            qemu.config_write(i, 0x04, 6);
        }
        qemu
    }

    fn say(&mut self, line: &str) -> String {
        self.commands += 1;
        self.stream.get_mut().write_all(line.as_bytes()).expect("QEMU listens");
        let mut answer = String::new();
        loop {
            answer.clear();
            let n = self.stream.read_line(&mut answer).expect("QEMU answers");
            assert!(n > 0, "QEMU closed its socket");
            if !answer.starts_with("IRQ") {
                break;
            }
        }
        assert!(answer.starts_with("OK"), "{line} -> {answer}");
        answer
    }

    fn number(answer: &str) -> u64 {
        let hex = answer.trim().trim_start_matches("OK ").trim_start_matches("0x");
        u64::from_str_radix(hex, 16).expect("a number")
    }

    /// Writes a word of physical memory, or a 64-bit register.
    pub fn write64(&mut self, at: u64, value: u64) {
        self.say(&format!("writeq {at:#x} {value:#x}\n"));
    }
    /// Writes 32 bits.
    pub fn write32(&mut self, at: u64, value: u32) {
        self.say(&format!("writel {at:#x} {value:#x}\n"));
    }
    /// Reads 64 bits.
    pub fn read64(&mut self, at: u64) -> u64 {
        Self::number(&self.say(&format!("readq {at:#x}\n")))
    }
    /// Reads 32 bits.
    pub fn read32(&mut self, at: u64) -> u32 {
        Self::number(&self.say(&format!("readl {at:#x}\n"))) as u32
    }

    fn select(&mut self, device: usize, offset: u32) {
        let address = 0x8000_0000 | u32::from(SLOTS[device]) << 11 | offset;
        self.say(&format!("outl 0xcf8 {address:#x}\n"));
    }
    /// Writes a device's configuration space.
    pub fn config_write(&mut self, device: usize, offset: u32, value: u32) {
        self.select(device, offset);
        self.say(&format!("outl 0xcfc {value:#x}\n"));
    }
    /// Reads a device's configuration space.
    pub fn config_read(&mut self, device: usize, offset: u32) -> u32 {
        self.select(device, offset);
        Self::number(&self.say("inl 0xcfc\n")) as u32
    }

    fn dma(&mut self, device: usize, from: u64, to: u64, command: u64) {
        let base = BAR[device];
        self.write64(base + 0x80, from);
        self.write64(base + 0x88, to);
        self.write64(base + 0x90, 8);
        self.write64(base + 0x98, command);
        let started = Instant::now();
        while self.read64(base + 0x98) & 1 != 0 {
            assert!(started.elapsed() < Duration::from_secs(120), "a transfer does not end");
        }
    }
    /// The device reads 8 bytes at `at` into its buffer at `slot`.
    pub fn dma_read(&mut self, device: usize, at: u64, slot: u64) {
        self.dma(device, at, BUFFER + slot, 1);
    }
    /// The device writes 8 bytes of its buffer at `slot` to `at`.
    pub fn dma_write(&mut self, device: usize, at: u64, slot: u64) {
        self.dma(device, BUFFER + slot, at, 3);
    }

    /// The device sends its MSI.
    pub fn send_msi(&mut self, device: usize, address: u64, data: u32) {
        let mut at = self.config_read(device, 0x34) & 0xfc;
        while at != 0 && self.config_read(device, at) & 0xff != 5 {
            at = self.config_read(device, at) >> 8 & 0xfc;
        }
        assert_ne!(at, 0, "edu has an MSI capability");
        let control = self.config_read(device, at);
        let wide = control >> 23 & 1 != 0;
        self.config_write(device, at + 4, address as u32);
        if wide {
            self.config_write(device, at + 8, (address >> 32) as u32);
        }
        self.config_write(device, at + if wide { 12 } else { 8 }, data);
        self.config_write(device, at, control | 1 << 16);
        self.write32(BAR[device] + 0x60, 1);
        self.write32(BAR[device] + 0x64, 1);
        self.config_write(device, at, control & !(1 << 16));
    }
}

fn unique() -> u128 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.map_or(0, |d| d.as_nanos())
}

impl Drop for Qemu {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        let _ = self.shell.wait();
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}
