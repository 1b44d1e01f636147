// Links: every frozen one opens, a damaged one says how and runs nothing, what is shared opens as it was.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { accessible, packed, start } from "./browser.mjs";

let site;
before(async () => {
  site = await start();
});
after(() => site.close());

const FROZEN = "core/tests/links/1";
const HOSTILE = `iommu-playground 1
title "</script><img src=x onerror=window.hacked=1><b>"
machine vt-d
iommu strict
ram 0 .. 1G
device nic 00:03.0
steps
  note "<svg onload=window.hacked=1> javascript:alert(1)"
  dma nic write 0xdead_0000 +64
  expect fault any
`;
const cli = (...args) =>
  execFileSync("target/debug/iommu-play", args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });

for (const name of readdirSync(FROZEN).filter((n) => n.endsWith(".link"))) {
  test(`a frozen link opens in the page: ${name}`, async () => {
    const link = readFileSync(`${FROZEN}/${name}`, "utf8").trim();
    const text = readFileSync(`${FROZEN}/${name.replace(/link$/, "scn")}`, "utf8");
    const page = await site.open({ hash: link.slice(link.indexOf("#")) });
    // A text that does not run stands in the editor, with what is wrong.
    let runs = true;
    try {
      cli("check", `${FROZEN}/${name.replace(/link$/, "scn")}`);
    } catch {
      runs = false;
    }
    if (!runs) {
      await page.waitForFunction(() => document.querySelector("#problems li b"));
      await page.waitForSelector(".cm-content");
    } else {
      await page.click("#share-open");
      await page.waitForFunction(() => document.getElementById("share-whole").value !== "");
      assert.equal(cli("unlink", await page.inputValue("#share-whole")), text);
    }
    assert.deepEqual(page.errors, []);
    await page.context().close();
  });
}

test("a whole scenario travels in the address bar, with its step, and survives a reload", async () => {
  const page = await site.open({ hash: packed(HOSTILE) });
  await page.keyboard.press("End");
  await page.waitForFunction(() => location.hash.includes("&at="));
  const hash = await page.evaluate(() => location.hash);
  assert.match(hash, /^#1\.[\w-]+\.[0-9a-f]{8}&at=\d+$/);
  const sentence = await page.textContent("#sentence");
  await page.reload();
  await page.waitForSelector("html[data-ready]");
  assert.equal(await page.textContent("#sentence"), sentence);
  assert.equal(await page.evaluate(() => window.hacked), undefined);
  assert.equal(await page.locator("#app img").count(), 0);
  assert.match(await page.title(), /onerror/);
  // The command line reads what the page wrote.
  const url = await page.evaluate(() => location.href);
  assert.equal(cli("unlink", url), HOSTILE);
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test("an edit travels too, and keeps its original after a reload", async () => {
  const page = await site.open({ hash: "#p=why-iommu" });
  await page.click("#edit");
  await page.waitForSelector(".cm-content");
  await page.click(".cm-content");
  await page.keyboard.press("Control+End");
  await page.keyboard.type("# mine");
  await page.waitForFunction(() => location.hash.startsWith("#1."));
  await page.reload();
  await page.waitForSelector("html[data-ready]");
  assert.equal(await page.getAttribute("#original", "hidden"), null);
  assert.equal(await page.inputValue("#scenario"), "why-iommu");
  await page.context().close();
});

const good = packed("iommu-playground 1\nmachine vt-d\nram 0 .. 1G\nsteps\n");
for (const [name, hash, said, recovered] of [
  ["cut", good.slice(0, -12), /cut|end/i, "iommu-playground 1"],
  ["another checksum", packed("iommu-playground 1\n", 1), /checksum/i, "iommu-playground 1"],
  ["another version", "#7.abc.00000000", /version/i, null],
  ["no link at all", "#hello", /not a link/i, null],
  ["an unknown preset", "#p=howtoo", /howto/i, null],
  ["a bomb", packed("a".repeat(400_000)), /256 KiB/, "aaaa"],
]) {
  test(`a damaged link says so and runs nothing: ${name}`, async () => {
    const page = await site.open({ hash });
    await page.waitForFunction(() => document.querySelector(".message [role=status]").textContent);
    assert.match(await page.textContent(".message"), said);
    if (recovered) {
      // What could be read of the text stands in the editor, with what is wrong.
      assert.match(await page.textContent("#problems"), said);
      await page.waitForSelector(".cm-content");
      const text = await page.textContent(".cm-content");
      assert.ok(text.includes(recovered), text.slice(0, 80));
    } else {
      assert.equal(await page.$("#editor[open]"), null);
    }
    await accessible(page, name);
    // The first scenario stands behind it.
    assert.ok(await page.locator("#diagram svg").count());
    await page.context().close();
  });
}

test("what is shared is what the command line gives", async () => {
  const page = await site.open({
    hash: "#p=why-iommu&at=60",
    locale: "zh-CN",
    permissions: ["clipboard-read", "clipboard-write"],
  });
  await page.click("#share-open");
  await page.waitForFunction(() => document.getElementById("share-whole").value !== "");
  assert.equal(await page.inputValue("#share-link"), `${site.origin}#p=why-iommu&at=60&lang=zh`);
  assert.equal(
    await page.inputValue("#share-whole"),
    cli("link", "why-iommu", "--whole", "--base", site.origin, "--at", "60", "--lang", "zh").trim(),
  );
  const zh = ["why-iommu", "--at", "60", "--lang", "zh"];
  for (const [form, args] of [
    ["ascii", ["--ascii"]],
    ["unicode", ["--unicode"]],
    ["c", ["--ascii", "--c"]],
    ["rst", ["--unicode", "--rst"]],
    ["markdown", ["--unicode", "--markdown"]],
  ]) {
    await page.click(`#export-${form}`);
    await page.waitForFunction((f) => document.querySelector(".share-said").textContent !== "" && f, form);
    // The clipboard may still hold the form before.
    const wanted = cli("draw", ...zh, "--width", "100", ...args);
    await page.waitForFunction(async (text) => (await navigator.clipboard.readText()) === text, wanted);
  }
  const file = async (id) => {
    const [download] = await Promise.all([page.waitForEvent("download"), page.click(id)]);
    return readFileSync(await download.path());
  };
  assert.equal((await file("#export-svg")).toString(), cli("draw", ...zh, "--svg", "--theme", "light"));
  assert.equal((await file("#export-trace")).toString(), cli("run", "--json", "--zh", "why-iommu"));
  assert.equal(
    (await file("#export-scenario")).toString(),
    readFileSync("core/src/scenario/presets/why-iommu.scn", "utf8"),
  );
  const bitmap = await file("#export-png");
  assert.equal(bitmap.subarray(1, 4).toString(), "PNG");
  assert.ok(bitmap.length > 10_000);
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test("a hostile scenario stays text in its exports", async () => {
  const page = await site.open({ hash: packed(HOSTILE) });
  await page.click("#share-open");
  await page.waitForFunction(() => document.getElementById("share-frame").value !== "");
  const [download] = await Promise.all([page.waitForEvent("download"), page.click("#export-svg")]);
  const svg = readFileSync(await download.path(), "utf8");
  for (const snippet of [
    await page.inputValue("#share-element"),
    await page.inputValue("#share-frame"),
    svg,
  ]) {
    const found = await page.evaluate((text) => {
      const parsed = new DOMParser().parseFromString(text, "text/html");
      return parsed.querySelectorAll("img, [onerror], [onload], b").length;
    }, snippet);
    assert.equal(found, 0, snippet.slice(0, 200));
  }
  assert.doesNotMatch(svg, /<script|foreignObject|javascript:/);
  await page.context().close();
});
