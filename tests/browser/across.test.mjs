// One scenario on every machine: the table, the way to a cell, and the same idea on another machine, in links and embeds too.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { after, before, test } from "node:test";
import { accessible, press, settled, start, unspilled } from "./browser.mjs";

let site;
before(async () => (site = await start()));
after(() => site.close());

const hash = (page) => page.evaluate(() => location.hash);
const packed = (input) =>
  execFileSync("target/debug/iommu-play", ["link", "-"], { input, encoding: "utf8" }).trim();
const count = (page) => page.textContent("#count");

async function table(page) {
  await page.selectOption("#architecture", "*");
  await page.waitForSelector(".across-table table");
}

for (const [width, height, locale] of [
  [1280, 800, "en-US"],
  [360, 740, "zh-CN"],
]) {
  test(`all machines side by side, with what differs marked: ${width} px, ${locale}`, async () => {
    const page = await site.open({ hash: "#p=fault-ladder&depth=idea", width, height, locale });
    await press(page, "ArrowRight");
    await press(page, "ArrowRight");
    await table(page);
    // The machine that is shown stays chosen.
    assert.equal(await page.inputValue("#architecture"), "vt-d");
    assert.equal(await page.locator(".across-table thead th").count(), 4);
    // Whatever idea it is scrolled to, the machines' names stay in sight.
    const [head, box] = await Promise.all(
      [".across-table thead th >> nth=0", ".across-table"].map((at) => page.locator(at).boundingBox()),
    );
    assert.ok(head.y >= box.y - 2 && head.y >= 0 && head.y < height / 2, `${head.y} in ${box.y}`);
    // The rung that is shown is marked, and each machine says its own fault.
    const row = page.locator(".across-table tbody[aria-current]");
    assert.equal(await row.count(), 1);
    const said = await row.locator("td").allTextContents();
    assert.match(said[0], /0x1/);
    assert.match(said[1], /258/);
    assert.match(said[2], /0x2/);
    assert.ok((await row.locator("[data-differs=true]").count()) > 0);
    await accessible(page, "all machines side by side");
    await unspilled(page, "all machines side by side");
    // Fewer machines, and one alone.
    await page.uncheck(".across-choices label:nth-of-type(4) input");
    assert.equal(await page.locator(".across-table thead th").count(), 3);
    // What differs is a matter of those that are shown.
    await page.uncheck(".across-choices label:nth-of-type(3) input");
    const marked = await page.locator(".across-table tbody[aria-current] [data-differs=true]").count();
    const pairs = await page.$$eval(".across-table tbody[aria-current] td", (cells) => {
      const facts = cells.map((cell) => [...cell.querySelectorAll("dd")].map((dd) => dd.textContent));
      return facts[0].filter((value, n) => value !== facts[1][n]).length;
    });
    assert.equal(marked, 2 * pairs);
    assert.ok(pairs > 0 && pairs < 5);
    await page.check(".across-choices label:nth-of-type(3) input");
    await page.check(".across-choices label:nth-of-type(4) input");
    // A cell leads to its machine, at that idea.
    await page.locator(".across-table tbody[aria-current] .across-go").nth(1).click();
    await page.waitForFunction(() => location.hash.includes("fault-ladder-riscv"));
    await settled(page);
    assert.match(await count(page), /^2\b/);
    assert.deepEqual(page.errors, []);
    await page.context().close();
  });
}

test("another machine keeps the idea, its link and its embed name it, and Back returns", async () => {
  const page = await site.open({ hash: "#p=howto&depth=idea", width: 1280, height: 800 });
  for (let i = 0; i < 3; i++) await press(page, "ArrowRight");
  const before = await count(page);
  for (const arch of ["smmuv3", "riscv", "amd-vi"]) {
    await page.selectOption("#architecture", arch);
    await page.waitForFunction((word) => location.hash.includes(`p=howto&arch=${word}&at=`), arch);
    await settled(page);
    assert.equal(await count(page), before, arch);
  }
  await page.click("#share-open");
  await page.waitForFunction(() => document.querySelector("#share-element").value.includes("preset"));
  assert.match(await page.inputValue("#share-element"), /preset="howto" arch="amd-vi" at="\d+"/);
  assert.match(await page.inputValue("#share-link"), /#p=howto&arch=amd-vi&at=\d+$/);
  const link = await hash(page);
  // Opened afresh it is the same machine at the same place.
  const fresh = await site.open({ hash: link, width: 1280, height: 800 });
  assert.equal(await fresh.inputValue("#architecture"), "amd-vi");
  assert.equal(await count(fresh), before);
  // Where a preset does not run, it is opened as it is written, and that is said.
  const none = await site.open({ hash: "#p=io-ports&arch=riscv", width: 1280, height: 800 });
  await none.waitForFunction(() => /arch=riscv": only x86 has/.test(document.body.textContent));
  for (const opened of [page, fresh, none]) {
    assert.deepEqual(opened.errors, []);
    await opened.context().close();
  }
});

test("another machine keeps the operation that is open inside the idea, at any depth", async () => {
  const where = async (page) => (await page.locator("#where code").allTextContents()).join();
  /** The address is that of the machine before its run is shown: what comes in between is not looked at. */
  const stands = async (page, line, what) => {
    for (let i = 0; i < 100 && (await where(page)) !== line; i++) await page.waitForTimeout(50);
    assert.equal(await where(page), line, what);
    await settled(page);
  };
  // One text: the same line, opened in an idea or stopped at; what was opened of the operation itself is shown whole.
  for (const [depth, inside] of [
    ["operation", false],
    ["operation", true],
    ["idea", false],
  ]) {
    const page = await site.open({ hash: `#p=lazy&depth=${depth}`, width: 1280, height: 800 });
    if (depth === "idea") {
      for (let i = 0; i < 4; i++) await press(page, "ArrowRight");
      await page.click("#open");
    }
    // What is pressed before the stop is open steps past it; the address is drawn after the count has moved.
    await settled(page);
    for (let i = 0; i < 9 && (await where(page)) !== "flush"; i++) {
      await press(page, "ArrowRight");
      await settled(page);
    }
    const idea = await page.textContent("#note");
    for (const arch of ["smmuv3", "riscv", "vt-d"]) {
      if (inside) {
        await page.click("#open");
        await settled(page);
      }
      await page.selectOption("#architecture", arch);
      await page.waitForFunction(
        (word) => new URLSearchParams(location.hash.slice(1)).get("arch") === word,
        arch === "vt-d" ? null : arch,
      );
      await stands(page, "flush", `${depth}, ${arch}`);
      assert.equal(await page.textContent("#note"), idea, `${depth}, ${arch}`);
    }
    assert.deepEqual(page.errors, []);
    await page.context().close();
  }
  // One question in a text for each machine: the same words, opened in an idea; what is not there leaves the idea whole.
  const page = await site.open({ hash: "#p=fault-ladder&depth=idea", width: 1280, height: 800 });
  for (let i = 0; i < 2; i++) await press(page, "ArrowRight");
  await settled(page);
  await page.click("#open");
  await settled(page);
  for (let i = 0; i < 3; i++) await press(page, "ArrowRight");
  await settled(page);
  assert.equal(await where(page), "dma nic write 0x10_0000 +64");
  for (const [arch, name] of [
    ["smmuv3", "fault-ladder-arm"],
    ["riscv", "fault-ladder-riscv"],
    ["vt-d", "fault-ladder&"],
  ]) {
    await page.selectOption("#architecture", arch);
    await page.waitForFunction((part) => location.hash.includes(`p=${part}`), name);
    await stands(page, "dma nic write 0x10_0000 +64", arch);
    assert.match(await count(page), /^2\b/);
    assert.ok(await page.isVisible("#close-stop"), arch);
  }
  await press(page, "ArrowRight");
  await settled(page);
  await page.click("#open");
  await settled(page);
  assert.match(await where(page), /^register write 0x408/);
  await page.selectOption("#architecture", "riscv");
  await page.waitForFunction(() => location.hash.includes("p=fault-ladder-riscv"));
  await settled(page);
  assert.ok(!(await page.isVisible("#close-stop")));
  assert.match(await count(page), /^3\b/);
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test("what a link cannot have on a machine is passed over with its reason, its place too", async () => {
  for (const [fragment, said, start] of [
    ["#p=howto&arch=SMMUv3&at=99999", /"arch=SMMUv3", "at=99999": did you mean `arch=smmuv3`/, true],
    ["#p=howto&arch=foo", /"arch=foo": it can be `vt-d`, `riscv`, `smmuv3` or `amd-vi`/, true],
    [
      "#p=fault-ladder&arch=amd-vi&at=fault:F_PERMISSION",
      /"at=fault:F_PERMISSION": AMD-Vi has no fault called `F_PERMISSION`; `smmuv3` has/,
      false,
    ],
    ["#p=why-iommu&at=fault:0x1", /"at=fault:0x1": no access of this run is refused so/, false],
  ]) {
    const page = await site.open({ hash: fragment, width: 1280, height: 800 });
    const message = () => page.locator(".message > [role=status]:not(.newer)").textContent();
    await page.waitForFunction(
      () => document.querySelector(".message > [role=status]:not(.newer)")?.textContent,
    );
    assert.match(await message(), said);
    if (start) assert.ok(!/at=\d/.test(await hash(page)), await hash(page));
    assert.deepEqual(page.errors, []);
    await page.context().close();
  }
});

test("a turned preset has its chart, its question and its own words at the end", async () => {
  const page = await site.open({ hash: "#p=iotlb-reach&arch=amd-vi", width: 1280, height: 800 });
  await page.keyboard.press("End");
  await page.waitForSelector("figure.chart", { state: "attached" });
  await page.waitForFunction(() => document.querySelector("figure.chart")?.hidden === false);
  assert.match(await page.textContent("figure.chart"), /IOMMU TLB entries/);
  const turned = await site.open({ hash: "#p=nested-walk&arch=riscv", width: 1280, height: 800 });
  await turned.keyboard.press("End");
  await turned.waitForFunction(() => document.querySelector("section.check")?.hidden === false);
  const lanes = await site.open({ hash: "#p=lazy&arch=riscv", width: 1280, height: 800 });
  await lanes.waitForFunction(() => /in the IOATC/.test(document.querySelector(".lanes .key")?.textContent));
  for (const opened of [page, turned, lanes]) {
    assert.deepEqual(opened.errors, []);
    await opened.context().close();
  }
});

test("a ladder's rung leads to the rung that shows the same, and what is not there is said", async () => {
  const page = await site.open({ hash: "#p=fault-ladder&depth=idea", width: 1280, height: 800 });
  const said = () => page.locator(".message > [role=status]:not(.newer)").textContent();
  const turn = async (word, name) => {
    await page.selectOption("#architecture", word);
    await page.waitForFunction((part) => location.hash.includes(`p=${part}`), name);
    await settled(page);
  };
  for (let i = 0; i < 3; i++) await press(page, "ArrowRight");
  assert.match(await count(page), /^3\b/);
  await turn("amd-vi", "fault-ladder-amd");
  assert.match(await count(page), /^2\b/);
  assert.equal(await said(), "");
  await turn("vt-d", "fault-ladder&");
  assert.match(await count(page), /^3\b/);
  await press(page, "ArrowLeft");
  await turn("amd-vi", "fault-ladder-amd");
  assert.match(await count(page), /^1\b/);
  assert.equal(await said(), "AMD-Vi has no idea like this one: the one before it is shown.");
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test("a text that does not run on a machine stays on its own, with the reason", async () => {
  const text = "iommu-playground 1\nram 0 .. 1G\nsteps\n  register read GCMD_REG\n";
  const page = await site.open({ hash: packed(text), width: 1280, height: 800 });
  // Without a `machine` line it is VT-d, and the list says so.
  assert.equal(await page.inputValue("#architecture"), "vt-d");
  const before = await hash(page);
  await page.selectOption("#architecture", "riscv");
  await page.waitForFunction(() => document.querySelector("#architecture").value === "vt-d");
  await page.waitForFunction(() => document.querySelector(".message > [role=status]").textContent !== "");
  assert.equal(
    await page.locator(".message > [role=status]:not(.newer)").textContent(),
    "This scenario does not run on RISC-V: 4:17: this IOMMU has no register `GCMD_REG`: it is one of VT-d's (global command; VT-d 11.4); after `machine`, `vt-d` can do it",
  );
  assert.equal(await hash(page), before);
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test("an embed is turned by an attribute, and says where it cannot be", async () => {
  const page = await site.open({ hash: "#p=howto" });
  await page.evaluate(() => {
    document.body.innerHTML =
      '<iommu-playground preset="howto" arch="riscv"></iommu-playground>' +
      '<iommu-playground preset="io-ports" arch="riscv"></iommu-playground>' +
      '<iommu-playground preset="howto" arch="arm"></iommu-playground>';
    const script = document.createElement("script");
    script.src = "embed.js";
    document.head.append(script);
  });
  const shown = (nth) =>
    page.waitForFunction((n) => {
      const element = document.querySelectorAll("iommu-playground").item(n);
      return element?.shadowRoot?.textContent.match(/RISC-V|arch=.*/)?.[0];
    }, nth);
  assert.equal(await (await shown(0)).jsonValue(), "RISC-V");
  assert.match(await (await shown(1)).jsonValue(), /^arch="riscv": .*; `vt-d` or `amd-vi` can run it/);
  // What is near to the word is named, as links and texts do.
  assert.match(await (await shown(2)).jsonValue(), /^arch="arm": did you mean `arch=smmuv3`\?/);
  await page.context().close();
});

for (const [width, name, colorScheme] of [
  [1280, "rosetta.html", "light"],
  [360, "rosetta.zh.html", "dark"],
]) {
  test(`the table of all machines is a page of its own: ${name}, ${width} px, ${colorScheme}`, async () => {
    const page = await site.open({ hash: "#p=howto", width, height: 740 });
    await page.emulateMedia({ colorScheme });
    await page.goto(new URL(name, site.origin).href);
    await page.waitForSelector("#costs");
    await accessible(page, name);
    await unspilled(page, name);
    assert.ok((await page.locator("td a").count()) > 80);
    assert.ok((await page.locator(".bar-of").count()) >= 32);
    // A cell leads to the machine that it is of.
    await page.locator("#ladder ~ .wide td a").nth(5).click();
    await page.waitForSelector("html[data-ready]");
    assert.match(await hash(page), /^#p=fault-ladder-riscv&at=\d+/);
    // Which question runs on which machine is the gallery's to say.
    await page.goto(new URL(name.replace("rosetta", "gallery") + "#scenarios", site.origin).href);
    await page.waitForSelector("#scenarios");
    const rows = page.locator("#scenarios ~ .wide tbody tr");
    assert.ok((await rows.count()) > 28);
    await unspilled(page, "gallery");
    await accessible(page, "gallery");
    const four = await rows.evaluateAll(
      (all) => all.filter((row) => row.querySelectorAll("a").length === 4).length,
    );
    assert.ok(four >= 28, String(four));
    await rows.first().locator("a").nth(2).click();
    await page.waitForSelector("html[data-ready]");
    assert.match(await hash(page), /arch=smmuv3/);
    assert.deepEqual(page.errors, []);
    await page.context().close();
  });
}
