// The log box: its worker, another language, huge pastes, a paste that takes the place of another.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { start } from "./browser.mjs";

let site;
before(async () => (site = await start()));
after(() => site.close());

const FAULT = (device) =>
  `[  114.286119] DMAR: [DMA Write NO_PASID] Request device [${device}] fault addr 0xfffe1000 [fault reason 0x05] PTE Write access is not set\n`;

/** The page with the dialog open and the box in it. */
async function opened(hash = "#p=why-iommu") {
  const page = await site.open({ hash });
  await page.click("#explain-log");
  await page.waitForSelector(".explain-dialog .explain-input");
  return page;
}

/** Puts a text into the box, as a paste does, without typing it. Built in the page: a large one is not sent there. */
const paste = (page, line, times = 1) =>
  page.evaluate(
    ([line, times]) => {
      const input = document.querySelector(".explain-input");
      input.value = line.repeat(times);
      input.dispatchEvent(new Event("input"));
    },
    [line, times],
  );

/** Waits until the summary says something of these lines. */
const read = (page, what) =>
  page.waitForFunction(
    (what) => document.querySelector(".explain-summary")?.textContent.includes(what),
    what,
    { timeout: 60000 },
  );

const shown = (page) =>
  page.evaluate(() => ({
    titles: [...document.querySelectorAll(".explain-item .explain-title")].map((title) => title.textContent),
    items: document.querySelectorAll(".explain-item").length,
    input: document.querySelector(".explain-input").value.length,
    summary: document.querySelector(".explain-summary").textContent,
    more: !document.querySelector(".explain-more").hidden,
  }));

test("another language says the same report again, and the paste stays", async () => {
  const page = await opened();
  const log = FAULT("00:1f.2") + FAULT("03:00.0");
  await paste(page, log);
  await read(page, "2 lines");
  const english = await shown(page);
  assert.equal(english.items, 2);
  await page.click(".explain-close");
  await page.click("#lang");
  await page.waitForSelector("html[lang^=zh] #explain-log");
  await page.click("#explain-log");
  await read(page, "行");
  const chinese = await shown(page);
  assert.equal(chinese.input, log.length);
  assert.equal(chinese.items, english.items);
  for (const [i, title] of chinese.titles.entries()) {
    assert.notEqual(title, english.titles[i]);
    assert.match(title, /[一-鿿]/);
  }
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test("files that are larger than the box reads are refused in words, and the paste stays", async () => {
  const page = await opened();
  await paste(page, FAULT("00:1f.2"));
  await read(page, "1 line");
  const files = page.locator(".explain-dialog input[type=file]");
  const log = (name, bytes) => ({
    name,
    mimeType: "text/plain",
    buffer: Buffer.alloc(bytes, FAULT("03:00.0")),
  });
  await files.setInputFiles([log("boot.log", (16 << 20) + 1), log("two.log", 100)]);
  await read(page, "16 MiB");
  assert.deepEqual([(await shown(page)).items, (await shown(page)).input], [1, FAULT("00:1f.2").length]);
  await files.setInputFiles(log("two.log", FAULT("03:00.0").length * 3));
  await read(page, "3 lines");
  assert.equal((await shown(page)).items, 1);
  // One large file is read from where it is: nothing of it is in the box, and its lines are named without a button.
  const lines = Math.ceil(((16 << 20) + 1) / FAULT("03:00.0").length);
  await files.setInputFiles(log("boot.log", lines * FAULT("03:00.0").length));
  await read(page, `in ${lines} lines`);
  const large = await shown(page);
  assert.deepEqual([large.items, large.input], [1, 0]);
  assert.equal(await page.locator(".explain-item button.explain-lines").count(), 0);
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test("files in UTF-16, as PowerShell and editors of Windows write them, are read as text, small and large", async () => {
  const page = await opened();
  const files = page.locator(".explain-dialog input[type=file]");
  const wide = (times) => ({
    name: "boot.log",
    mimeType: "text/plain",
    buffer: Buffer.from(`\ufeff${FAULT("03:00.0").repeat(times)}`, "utf16le"),
  });
  await files.setInputFiles(wide(3));
  await read(page, "3 lines");
  assert.equal((await shown(page)).input, FAULT("03:00.0").length * 3);
  const lines = Math.ceil((16 << 20) / 2 / FAULT("03:00.0").length) + 1;
  await files.setInputFiles(wide(lines));
  await read(page, `in ${lines} lines`);
  assert.deepEqual([(await shown(page)).items, (await shown(page)).input], [1, 0]);
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

const LSPCI = `00:1f.2 SATA controller [0106]: Example [1af4:0003]
	Region 5: Memory at c0200000 (32-bit, non-prefetchable) [size=4K]
`;

test("a machine that is pasted is told of, and opens as a scenario that runs", async () => {
  const page = await opened();
  await paste(page, LSPCI);
  await read(page, "a machine");
  const said = await page.textContent(".explain-account");
  assert.match(said, /Found: 1 functions/);
  assert.match(said, /Assumed/);
  await page.click(".explain-account .explain-open");
  await page.waitForFunction(() => !document.querySelector(".explain-dialog[open]"));
  await page.waitForFunction(() => document.body.textContent.includes("sata"));
  assert.match(new URL(page.url()).hash, /#/);
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test("files of one machine, a table in binary among them, are one text in the box under their names", async () => {
  const page = await opened();
  const table = Buffer.alloc(44);
  table.write("MCFG");
  table.writeUInt32LE(44, 4);
  table[8] = 1;
  table[9] = 256 - (table.reduce((sum, byte) => sum + byte, 0) % 256);
  await page.locator(".explain-dialog input[type=file]").setInputFiles([
    { name: "lspci.txt", mimeType: "text/plain", buffer: Buffer.from(LSPCI) },
    { name: "MCFG", mimeType: "application/octet-stream", buffer: table },
  ]);
  await read(page, "a machine");
  const text = await page.inputValue(".explain-input");
  assert.match(text, /^==> lspci.txt <==\n00:1f.2 /);
  assert.match(text, /\n==> MCFG <==\n00000000: 4d43 4647 2c00 0000/);
  assert.match(await page.textContent(".explain-account"), /Read: lspci \(input:2\), ACPI MCFG \(input:6\)/);
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test("a trace that is pasted is told of line by line, and each line can be marked", async () => {
  const page = await opened();
  await page.click("text=ftrace");
  await read(page, "DMA events");
  const wrong = page.locator(".explain-account details.is-wrong");
  assert.match(
    await wrong.textContent(),
    /is refused 0xffffd040 \(write\): it was unmapped 600 us before, on line 3/,
  );
  await wrong.locator(".explain-lines").first().click();
  const marked = await page.evaluate(() => {
    const input = document.querySelector(".explain-input");
    return input.value.slice(input.selectionStart, input.selectionEnd);
  });
  assert.match(marked, /io_page_fault/);
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test("a long reading is said how far it is, and can be stopped with what was read", async () => {
  const page = await opened();
  // Stopped at the first word of progress, whatever the machine's speed.
  await page.evaluate(() => {
    new MutationObserver((_, observer) => {
      if (document.querySelector(".explain-going").hidden) return;
      observer.disconnect();
      window.stopped = document.querySelector(".explain-progress").value;
      document.querySelector(".explain-stop").click();
    }).observe(document.querySelector(".explain-going"), { attributes: true });
  });
  // From where it is: 40 MiB handed over to the browser would take longer than the reading.
  const folder = mkdtempSync(join(tmpdir(), "long-log-"));
  const file = join(folder, "trace.txt");
  const lines = FAULT("03:00.0").repeat(4096);
  writeFileSync(file, lines.repeat(Math.floor((40 << 20) / lines.length)));
  await page.locator(".explain-dialog input[type=file]").setInputFiles(file);
  await read(page, "kind of fault");
  rmSync(folder, { recursive: true });
  const taken = Number(/in (\d+) lines/.exec((await shown(page)).summary)?.[1]);
  assert.ok(taken > 0 && taken < (40 << 20) / FAULT("03:00.0").length / 2, String(taken));
  assert.ok((await page.evaluate(() => window.stopped)) > 0);
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test("a long log of one fault is one item; one of many is shown page by page", async () => {
  const page = await opened();
  await paste(page, FAULT("00:1f.2"), 5_000);
  await read(page, "5000 lines");
  assert.equal((await shown(page)).items, 1);
  const many = Array.from({ length: 120 }, (_, i) => FAULT(`${(i + 16).toString(16)}:00.0`)).join("");
  await paste(page, many);
  await read(page, "120 lines");
  assert.deepEqual([(await shown(page)).items, (await shown(page)).more], [50, true]);
  await page.click(".explain-more");
  assert.equal((await shown(page)).items, 100);
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test("a newer log takes the place of one that is being read", async () => {
  const page = await opened();
  await page.waitForSelector(".explain-sample");
  // The sample is chosen at the moment that the long one begins to be read, whatever the machine's speed.
  await page.evaluate(() => {
    window.said = [];
    const summary = document.querySelector(".explain-summary");
    new MutationObserver(() => {
      const text = summary.textContent;
      if (text === "Reading…" && window.said.length === 0) document.querySelector(".explain-sample").click();
      window.said.push(text);
    }).observe(summary, { childList: true });
  });
  await paste(page, "usb 1-1: new high-speed USB device number 2 using xhci_hcd\n", 20_000);
  await read(page, "2 lines");
  assert.equal((await shown(page)).items, 1);
  const said = await page.evaluate(() => window.said);
  assert.ok(!said.some((text) => text.includes("20000")), String(said));
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test("a fault's scenario opens at the read that fails, and a cause's preset is a link", async () => {
  const page = await opened();
  await paste(page, FAULT("00:1f.2"));
  await read(page, "1 line");
  const presets = await page.$$eval(".explain-preset", (links) =>
    links.map((link) => link.getAttribute("href")),
  );
  assert.ok(presets.length > 0 && presets.every((href) => href.startsWith("#p=")));
  await page.click(".explain-open");
  await page.waitForFunction(() => !document.querySelector(".explain-dialog")?.open);
  await page.waitForFunction(() => location.hash.length > 20);
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

const TRACE = `x-1 [000] ..... 5.743655: map: IOMMU: iova=0x00000000ffffd000 - 0x00000000ffffe000 paddr=0x0000000002fbb000 size=4096
x-1 [000] ..... 5.743790: dma_map_phys: 0000:00:05.0 dir=FROM_DEVICE dma_addr=ffffd000 size=4096 phys_addr=2fbb000 attrs=
x-1 [000] ..... 5.744000: dma_sync_single_for_cpu: 0000:00:05.0 dir=FROM_DEVICE dma_addr=ffffd000 size=64
x-1 [000] d.h1. 5.745183: unmap: IOMMU: iova=0x00000000ffffd000 - 0x00000000ffffe000 size=4096 unmapped_size=4096
x-1 [000] d.h1. 5.745491: dma_unmap_phys: 0000:00:05.0 dir=FROM_DEVICE dma_addr=ffffd000 size=4096 attrs=
x-1 [000] d.h1. 5.745500: io_page_fault: IOMMU:nvme 0000:00:05.0 iova=0x00000000ffffd080 flags=0x0001
x-1 [000] d.h1. 5.745600: qi_submit: iotlb_inv dmar0: 0x10012 0x0 0x0 0x0
`;

test("a trace is stepped through event by event, and its lanes stand still", async () => {
  const page = await opened();
  await paste(page, TRACE);
  await page.waitForSelector(".trace-lane");
  const look = () =>
    page.evaluate(() => ({
      said: document.querySelector(".trace-said").textContent,
      where: document.querySelector(".trace-where").textContent,
      wrong: [...document.querySelectorAll(".trace-wrong li")].length,
      bars: [...document.querySelectorAll(".trace-lane-bar, .trace-lane-stale, .trace-lane-mark")].map(
        ({ className, style }) => `${className} ${style.left} ${style.width}`,
      ),
      now: document.querySelectorAll(".trace-lane[aria-current]").length,
    }));
  const steps = [await look()];
  while (await page.isEnabled(".trace-next")) {
    const before = steps.at(-1).where;
    await page.click(".trace-next");
    await page.waitForFunction((w) => document.querySelector(".trace-where").textContent !== w, before);
    steps.push(await look());
  }
  assert.equal(steps.length, 7);
  // One device's lane with a sync and a refusal, the tables' with what the IOTLB may still have.
  assert.equal(steps[0].bars.length, 5);
  for (const step of steps) {
    assert.deepEqual(step.bars, steps[0].bars);
    assert.equal(new Set(steps.map(({ said }) => said)).size, 7);
  }
  assert.deepEqual(
    steps.map(({ wrong }) => wrong),
    [0, 0, 0, 0, 0, 1, 0],
  );
  // The trouble is one press away, its line is marked in the paste, and another language stays at the event.
  await page.click(".trace-wrong-back");
  await page.waitForFunction(() => document.querySelectorAll(".trace-wrong li").length === 1);
  await page.click(".trace-where button");
  const marked = await page.$eval(".explain-input", (box) =>
    box.value.slice(box.selectionStart, box.selectionEnd),
  );
  assert.match(marked, /^x-1 .* io_page_fault: .*0x0001$/);
  await page.click(".explain-close");
  await page.click("#lang");
  await page.click("#explain-log");
  await page.waitForFunction(() => /被拒绝/.test(document.querySelector(".trace-said")?.textContent));
  assert.match((await look()).where, /第 6 个事件/);
  // The walk that failed opens as a scenario.
  await page.$eval(".trace-wrong .explain-open", (button) => button.click());
  await page.waitForFunction(() => document.querySelector("#count"));
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test("no trace is stepped through where there is none, and one replaced meanwhile is not shown", async () => {
  const page = await opened();
  await paste(page, FAULT("00:1f.2"));
  await read(page, "1 kind of fault");
  assert.equal(await page.$(".trace-view"), null);
  await paste(page, TRACE);
  await page.waitForSelector(".trace-lane");
  await paste(page, TRACE.split("\n").slice(0, 2).join("\n"));
  await page.waitForFunction(() => /of 2,/.test(document.querySelector(".trace-where")?.textContent));
  assert.deepEqual(page.errors, []);
  await page.context().close();
});
