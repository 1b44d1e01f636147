// Search: the engine finds what readers type, in both languages; the gallery and the page show it and lead there.
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { build } from "esbuild";
import { accessible, start, unspilled } from "./browser.mjs";

let site;
before(async () => (site = await start()));
after(() => site.close());

const { build: name } = JSON.parse(readFileSync("dist/build.json", "utf8"));
const index = JSON.parse(readFileSync(`dist/b/${name}/search.json`, "utf8"));

async function engine() {
  const { outputFiles } = await build({
    entryPoints: ["www/src/search/match.ts"],
    bundle: true,
    write: false,
    format: "esm",
  });
  return import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].text).toString("base64")}`);
}

/** What is typed, and the scenario that has to come among the first three. */
const FOUND = [
  ["bounce", "swiotlb"],
  ["bounce buffer full", "swiotlb"],
  ["bounce buffer", "swiotlb"],
  ["stale", "lazy"],
  ["stale iotlb", "lazy"],
  ["page tables", "address-space"],
  ["pagetable", "address-space"],
  ["0x5", "why-iommu"],
  ["05h", "why-iommu"],
  ["iotbl", "iotlb-reach"],
  ["dma_map_sg", "scatter-gather"],
  ["RMRR", "reserved-memory"],
  ["raspberry pi", "soc"],
  ["why is my dma slow", "iotlb-reach"],
  ["how do I read a DMAR fault", "fault-ladder"],
  ["陈旧", "lazy"],
  ["大页", "iotlb-reach"],
  ["IOTLB未命中", "iotlb-reach"],
  ["中断重映射", "forged-msi"],
  ["为什么我的 DMA 很慢", "iotlb-reach"],
  ["什么是页表", "address-space"],
  ["ＲＭＲＲ", "reserved-memory"],
];
/** What Chinese readers call things that are named otherwise here, with one scenario that is about it. */
const CALLED = [
  ["透传", "relay-or-passthrough"],
  ["直通", "relay-or-passthrough"],
  ["设备直通", "groups"],
  ["宿主机", "relay-or-passthrough"],
  ["回弹缓冲区", "swiotlb"],
  ["反弹缓冲区", "swiotlb"],
  ["弹跳缓冲", "swiotlb"],
  ["页表遍历", "nested-walk"],
  ["一级转换", "two-stages"],
  ["二级转换", "two-stages"],
  ["存储器域地址", "bus-offset"],
  ["存储域地址", "bus-offset"],
  ["失效", "lazy"],
  ["作废", "lazy"],
  ["无效化", "lazy"],
  ["隔离", "groups"],
  ["HPA", "two-stages"],
  ["树莓派", "bus-offset"],
];
/** Initials of pinyin, as they are typed: 中断重映射, 缺页, 回弹缓冲区, 失效, 隔离, 存储器域地址. */
const INITIALS = [
  ["zdcys", "forged-msi"],
  ["qy", "sva"],
  ["htchq", "swiotlb"],
  ["sx", "lazy"],
  ["gl", "groups"],
  ["ccqydz", "bus-offset"],
];
/** The same with and without blanks between Latin and Chinese, and in full-width letters. */
const SAME = [
  ["DMA 映射", "DMA映射", "ＤＭＡ映射"],
  ["IOMMU 直通", "IOMMU直通"],
  ["MSI 中断", "MSI中断", "msi中断"],
  ["IOTLB 未命中", "IOTLB未命中"],
  ["32 位设备", "32位设备"],
];

/** Lines as kernels print them, with the scenario that is about them. */
const LINES = [
  [
    "[  12.312345] nvme 0000:01:00.0: swiotlb buffer is full (sz: 4096 bytes), total 32768 (slots), used 32768 (slots)",
    "swiotlb",
  ],
  [
    "DMAR: Device is ineligible for IOMMU domain attach due to platform RMRR requirement.  Contact your platform vendor.",
    "reserved-memory",
  ],
  ["vfio-pci 0000:01:00.0: group 12 is not viable, please ensure all devices are bound", "groups"],
  ["nvme 0000:01:00.0: rejecting DMA map of vmalloc memory", "vmalloc"],
  [
    "DMAR: [DMA Write NO_PASID] Request device [00:1f.2] fault addr 0xfffe1000 [fault reason 0x05] PTE Write access is not set",
    "use-after-unmap",
  ],
];

test("whole words rank above the beginnings of others, and these above what is inside of them", async () => {
  const { Search } = await engine();
  const term = (name) => ({ name: [name, name], meaning: ["", ""], also: "", scenarios: [] });
  const search = new Search({
    path: [],
    scenarios: [],
    chapters: [{ title: ["", ""], terms: ["reprint", "private", "PRIs", "总线域", "一个域"].map(term) }],
    faults: [],
  });
  const found = (query) => search.find(query).terms.map(({ name }) => name[0]);
  assert.deepEqual(found("PRI"), ["PRIs", "private", "reprint"]);
  assert.deepEqual(found("域"), ["一个域", "总线域"]);
  // In what the page has: the term itself first.
  const first = (query) => new Search(index).find(query).terms[0]?.name[1];
  assert.match(first("PRI"), /页请求/);
  assert.equal(first("域"), "域");
});

test("what readers type finds the scenario that is about it", async () => {
  const { Search } = await engine();
  const search = new Search(index);
  for (const [query, wanted] of FOUND) {
    const { scenarios, log } = search.find(query);
    const first = scenarios.slice(0, 3).map((s) => s.name);
    assert.ok(first.includes(wanted), `${query}: ${first}`);
    assert.equal(log, false, query);
  }
  for (const [line, wanted] of LINES) {
    const { scenarios, log } = search.find(line);
    assert.equal(scenarios[0]?.name, wanted, line);
    assert.equal(log, true, line);
  }
  // A title finds its scenario first, in either language.
  for (const { name, title } of index.scenarios)
    for (const text of title)
      assert.ok(
        search
          .find(text.replace(/^.*[:：]/, ""))
          .scenarios.slice(0, 3)
          .some((s) => s.name === name) ||
          search
            .find(text)
            .scenarios.slice(0, 3)
            .some((s) => s.name === name),
        text,
      );
  // Nonsense finds nothing, and harms nothing.
  for (const query of ["", " ", "\\", "((((", "[a-z", "\u0000", "x".repeat(10000), "🦀", "__proto__", "0x"])
    assert.ok(Array.isArray(search.find(query).scenarios), query);
  assert.deepEqual(search.find("qqqqq").scenarios, []);
});

test("what Chinese readers call things finds them: synonyms, initials of pinyin, no blanks", async () => {
  const { Search } = await engine();
  const search = new Search(index);
  const found = (query) => search.find(query).scenarios.map((s) => s.name);
  const missing = [];
  for (const [query, wanted] of [...CALLED, ...INITIALS])
    if (!found(query).includes(wanted)) missing.push(`${query}: ${wanted}: ${found(query)}`);
  assert.deepEqual(missing, []);
  for (const [spaced, ...others] of SAME) {
    assert.ok(found(spaced).length > 0, spaced);
    for (const other of others) assert.deepEqual(found(other), found(spaced), other);
  }
  // A synonym leads to the term, too: what 透传 is, is said.
  for (const [query, term] of [
    ["透传", "设备直通（透传）"],
    ["存储域地址", "物理地址（存储器域地址，也叫存储域地址）"],
    ["反弹缓冲区", "回弹缓冲区（SWIOTLB，bounce buffer）"],
    ["一级转换", "第一阶段、第二阶段（stage 1、stage 2；合起来叫两阶段转换）"],
  ]) {
    const names = search.find(query).terms.map((t) => t.name[1]);
    assert.ok(names.includes(term), `${query}: ${names}`);
  }
});

test("the tags that cards show find them, in both languages", async () => {
  const { Search } = await engine();
  const search = new Search(index);
  for (const hash of ["gallery.html", "gallery.zh.html"]) {
    const page = await site.open({ hash });
    const tags = await page.evaluate(() => {
      const labels = new Map(
        [...document.querySelectorAll("#filters input[value]:not([value=''])")].map((input) => [
          input.value,
          input.closest("label").textContent.trim(),
        ]),
      );
      return [...document.querySelectorAll(".card")].map((card) => ({
        name: card.id,
        tags: [card.dataset.difficulty, ...card.dataset.topics.split(" ")].map((tag) => labels.get(tag)),
      }));
    });
    const missing = [];
    assert.ok(tags.length > 40);
    for (const { name, tags: own } of tags)
      for (const tag of own) {
        assert.ok(tag, name);
        const found = search.find(tag).scenarios.map((s) => s.name);
        if (!found.includes(name)) missing.push(`${tag}: ${name}`);
      }
    assert.deepEqual(missing, []);
    await page.context().close();
  }
});

test("every fault code is found by its number, with the scenarios that end at it", async () => {
  const { Search } = await engine();
  const search = new Search(index);
  for (const fault of index.faults) {
    const found = search.find(fault.code).faults;
    assert.ok(
      found.some((f) => f.arch === fault.arch && f.code === fault.code),
      `${fault.arch} ${fault.code}`,
    );
  }
  const [five] = search.find("fault reason 0x05").faults;
  assert.equal(five.code, "0x5");
  assert.ok(five.scenarios.includes("why-iommu"));
});

test("the gallery hands a pasted log over, whole, to the reader of the page", async () => {
  const page = await site.open({ hash: "gallery.html" });
  const log = `${LINES[4][0]}\n${LINES[0][0]}`;
  await page.focus("#search");
  await page.evaluate((text) => {
    const data = new DataTransfer();
    data.setData("text/plain", text);
    document
      .querySelector("#search")
      .dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
  }, log);
  await page.waitForSelector(".found-log a");
  await accessible(page, "a log in the search");
  await page.click(".found-log a");
  await page.waitForSelector(".explain-dialog[open] .explain-input");
  await page.waitForFunction(() => document.querySelector(".explain-input").value !== "");
  assert.equal(await page.inputValue(".explain-input"), log);
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test("the gallery shows terms and codes over the cards, and what it searched instead", async () => {
  for (const width of [1280, 360]) {
    const page = await site.open({ hash: "gallery.html#q=iotbl", width });
    await page.waitForSelector(".instead");
    assert.match(await page.textContent(".instead"), /iotlb/);
    assert.match(await page.textContent("#also"), /SWIOTLB/);
    await accessible(page, `terms ${width}`);
    await unspilled(page, `terms ${width}`);
    await page.context().close();
  }
});

test("the page searches everything from anywhere, by keys, and opens what is found", async () => {
  for (const [width, locale] of [
    [1280, "en-US"],
    [360, "zh-CN"],
  ]) {
    const page = await site.open({ hash: "#p=why-iommu", width, height: 780, locale });
    await page.keyboard.press("/");
    await page.waitForSelector("#search-query:focus");
    await accessible(page, "everything");
    await unspilled(page, "everything");
    await page.keyboard.type("swiotlb");
    await page.waitForSelector("#search-results .why mark");
    await accessible(page, "what was found");
    await page.keyboard.press("ArrowDown");
    assert.ok(await page.$("a.hit:focus"));
    await page.keyboard.press("Enter");
    await page.waitForFunction(() => location.hash.startsWith("#p=swiotlb"));
    assert.equal(await page.isVisible("#search"), false);
    // The keys of the run are its own again, and those typed in the search were not.
    await page.keyboard.press("/");
    await page.waitForSelector("#search-query:focus");
    await page.keyboard.type("gh e");
    await page.keyboard.press("Escape");
    assert.match(new URL(page.url()).hash, /^#p=swiotlb/);
    assert.deepEqual(page.errors, []);
    await page.context().close();
  }
});

test("while pinyin is composed nothing is searched; what it becomes is", async () => {
  const page = await site.open({ hash: "#p=why-iommu&lang=zh" });
  await page.keyboard.press("/");
  await page.waitForSelector("#search-query:focus");
  const before = await page.textContent("#search-results");
  const client = await page.context().newCDPSession(page);
  await client.send("Input.imeSetComposition", { text: "da'ye", selectionStart: 5, selectionEnd: 5 });
  assert.equal(await page.textContent("#search-results"), before);
  await client.send("Input.insertText", { text: "大页" });
  await page.waitForFunction((was) => document.querySelector("#search-results").textContent !== was, before);
  assert.equal(await page.getAttribute("#search-results a.hit", "href"), "#p=iotlb-reach&lang=zh");
  await page.context().close();
});

test("the gallery keeps its cards while pinyin is composed, and takes what it becomes, without a blank", async () => {
  const page = await site.open({ hash: "gallery.zh.html" });
  const shown = async () => {
    await page.waitForFunction(
      () => document.documentElement.dataset.asked === document.documentElement.dataset.shown,
    );
    return page.$$eval(".card:not([hidden])", (cards) => cards.map((card) => card.id));
  };
  const all = await shown();
  await page.focus("#search");
  const client = await page.context().newCDPSession(page);
  await client.send("Input.imeSetComposition", { text: "shi'xiao", selectionStart: 8, selectionEnd: 8 });
  assert.deepEqual(await shown(), all);
  assert.doesNotMatch(await page.textContent("#count"), /没有/);
  await client.send("Input.insertText", { text: "失效" });
  await page.waitForFunction(() => location.hash.includes("q="));
  assert.ok((await shown()).includes("lazy"));
  assert.ok((await shown()).length < all.length);
  await page.fill("#search", "IOMMU直通");
  const close = await shown();
  await page.fill("#search", "IOMMU 直通");
  assert.deepEqual(await shown(), close);
  assert.ok(close.length > 0);
  await page.context().close();
});

test("a log pasted into the page's search is explained, whole", async () => {
  const page = await site.open({ hash: "#p=why-iommu" });
  const log = `${LINES[4][0]}\n${LINES[0][0]}`;
  await page.keyboard.press("/");
  await page.waitForSelector("#search-query:focus");
  await page.evaluate((text) => {
    const data = new DataTransfer();
    data.setData("text/plain", text);
    document
      .querySelector("#search-query")
      .dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
  }, log);
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.querySelector(".explain-dialog[open] .explain-input")?.value);
  assert.equal(await page.inputValue(".explain-input"), log);
  await page.context().close();
});
