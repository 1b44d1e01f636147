//! A QEMU without guest code as a process that is driven through its test socket.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A running QEMU; dropping it ends the process, as does the end of this one.
pub struct Session {
    shell: Child,
    stream: BufReader<UnixStream>,
    dir: PathBuf,
    /// Commands sent, for the report.
    pub commands: u64,
}

/// The version of this QEMU, if it is of a release whose deviations are `known`.
pub fn version(program: &str, known: &[&str]) -> Result<String, String> {
    let out = Command::new(program).arg("--version").output().map_err(|e| format!("{program}: {e}"))?;
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    let first = text.lines().next().unwrap_or_default().to_owned();
    if known.iter().any(|release| first.contains(&format!("version {release}."))) {
        Ok(first)
    } else {
        Err(format!("QEMU {} is needed, this is {first:?}", known.join(" or ")))
    }
}

/// Is it of release 11 or later? Some options have other names there.
#[allow(dead_code)] // the board with VT-d has such options
pub fn is_11(version: &str) -> bool {
    let major = version.split("version ").nth(1).and_then(|rest| rest.split('.').next());
    major.and_then(|major| major.parse().ok()).is_some_and(|major: u32| major >= 11)
}

/// The seed of a run: fixed, unless the environment asks for another.
pub fn seed(fixed: u64) -> u64 {
    match std::env::var("QEMU_LIVE_SEED").as_deref() {
        Err(_) => fixed,
        Ok("random") => {
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
            now.map_or(1, |d| d.as_nanos() as u64)
        }
        Ok(text) => u64::from_str_radix(text.trim_start_matches("0x"), 16).expect("a seed is a hex number"),
    }
}

impl Session {
    /// Starts a machine; `code` is what its CPU executes first.
    pub fn start(program: &str, code: &[u8], machine: &[String]) -> Session {
        let name = format!("iommu-live-{}-{:x}", std::process::id(), unique());
        let dir = std::env::temp_dir().join(name);
        std::fs::create_dir(&dir).expect("temporary directory");
        let socket = dir.join("qtest");
        let bios = dir.join("bios");
        std::fs::write(&bios, code).expect("bios");
        let listener = UnixListener::bind(&socket).expect("socket");
        listener.set_nonblocking(true).expect("socket");
        // The shell kills QEMU when its standard input closes: however this process ends, QEMU does too.
        let script = "\"$@\" </dev/null & p=$!; read _; kill -9 $p; wait $p";
        let mut command = Command::new("sh");
        command.args(["-c", script, "sh"]).arg(program);
        // Virtual time runs from timer to timer.
        command.args(["-accel", "tcg", "-icount", "shift=0,sleep=off", "-nodefaults", "-display", "none"]);
        command.args(["-qtest-log", "/dev/null"]).arg("-bios").arg(&bios);
        command.arg("-qtest").arg(format!("unix:{}", socket.display())).args(machine);
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
        Session { shell, stream: BufReader::new(stream), dir, commands: 0 }
    }

    /// Sends a command; returns the answer.
    pub fn say(&mut self, line: &str) -> String {
        self.commands += 1;
        self.stream.get_mut().write_all(line.as_bytes()).expect("QEMU listens");
        let mut answer = String::new();
        loop {
            answer.clear();
            if !matches!(self.stream.read_line(&mut answer), Ok(1..)) {
                let said = std::fs::read_to_string(self.dir.join("stderr")).unwrap_or_default();
                panic!("QEMU does not answer {line}{said}");
            }
            if !answer.starts_with("IRQ") {
                break;
            }
        }
        assert!(answer.starts_with("OK"), "{line} -> {answer}");
        answer
    }

    /// Returns the number in an answer.
    pub fn number(answer: &str) -> u64 {
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
}

fn unique() -> u128 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.map_or(0, |d| d.as_nanos())
}

impl Drop for Session {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        let _ = self.shell.wait();
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}
