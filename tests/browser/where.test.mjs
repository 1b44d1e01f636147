// "What address is this?", and the same scenario on the other architecture.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { start } from "./browser.mjs";

let site;
before(async () => {
  site = await start();
});
after(() => site.close());

test("an address has all its names, who can reach the byte, and the entries on the way", async () => {
  const page = await site.open({ hash: "#p=sva&at=200" });
  await page.click("#tab-whereIs");
  await page.fill("#where-address", "0x7f00_0000_0000");
  await page.click(".whereis button[type=submit]");
  // What the step touches stands there until the machine has looked this up.
  await page.waitForFunction(() => !document.querySelector(".where-out .quiet"));
  // The same pointer of two processes: two bytes.
  const headings = await page.locator(".whereabouts h3").allTextContents();
  assert.deepEqual(headings, [
    "virtual address 0x7f0000000000 of alice",
    "virtual address 0x7f0000000000 of bob",
  ]);
  const names = await page.locator(".whereabouts").first().locator(".names li").allTextContents();
  assert.ok(
    names.some((n) => n.startsWith("IOVA 0x7f0000000000 of gpu, PASID 1")),
    names.join("\n"),
  );
  assert.ok(!names.some((n) => n.includes("PASID 2")), "bob's PASID reaches alice's page");
  // Any address on the page leads here.
  await page.locator(".whereabouts p .address-link").first().click();
  await page.waitForFunction(() => document.querySelector("#where-address").value.startsWith("0x9"));
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test("a scenario that fits both runs on the other architecture, and back", async () => {
  const page = await site.open({ hash: "#p=nested-walk" });
  assert.equal(await page.inputValue("#architecture"), "vt-d");
  await page.selectOption("#architecture", "riscv");
  await page.waitForFunction(() => document.querySelector("#diagram")?.textContent.includes("RISC-V"));
  await page.waitForFunction(() => location.hash.startsWith("#p=nested-walk&arch=riscv"));
  await page.keyboard.press("End");
  await page.waitForSelector(".ending .answer");
  assert.match(await page.textContent(".ending .answer"), /4 x \(4 \+ 1\) \+ 4/);
  await page.selectOption("#architecture", "vt-d");
  await page.waitForFunction(() => /^#p=nested-walk(?!&arch)/.test(location.hash));
  // One that is about VT-d alone offers no other, but for the table that says why.
  await page.selectOption("#scenario", "msi-hole");
  await page.waitForFunction(
    () => [...document.getElementById("architecture").options].map((o) => o.value).join() === "vt-d,*",
  );
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test("a log is taken from a file too, chosen or dropped", async () => {
  const page = await site.open({ hash: "#p=why-iommu" });
  await page.click("#explain-log");
  await page.waitForSelector(".explain-input");
  const line = (at) =>
    `DMAR: [DMA Write NO_PASID] Request device [00:1f.2] fault addr ${at} [fault reason 0x05] PTE Write access is not set\n`;
  await page.setInputFiles(".explain input[type=file]", {
    name: "dmesg.txt",
    mimeType: "text/plain",
    buffer: Buffer.from(line("0xfffe1000")),
  });
  await page.waitForFunction(() =>
    document.querySelector(".explain-items")?.textContent.includes("0xfffe1000"),
  );
  await page.evaluate((text) => {
    const data = new DataTransfer();
    data.items.add(new File([text], "dmesg.txt", { type: "text/plain" }));
    document
      .querySelector(".explain-input")
      .dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
  }, line("0xabcd2000"));
  await page.waitForFunction(() =>
    document.querySelector(".explain-items")?.textContent.includes("0xabcd2000"),
  );
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test("a boot log of 1 MiB is read in the page, and nothing of it leaves", async () => {
  const page = await site.open({ hash: "#p=why-iommu" });
  const asked = [];
  await page.click("#explain-log");
  await page.waitForSelector(".explain-input");
  page.on("request", (request) => asked.push(request.url()));
  await page.evaluate(async () => {
    let text = "";
    for (let i = 0; text.length < 1 << 20; i++) {
      text += `[ ${i}.000000] usb 1-1: new high-speed USB device number ${i}\n`;
      if (i % 1000 === 0)
        text += `[ ${i}.000001] DMAR: [DMA Write NO_PASID] Request device [00:1f.2] fault addr 0xfffe1000 [fault reason 0x05] x\n`;
    }
    const input = document.querySelector(".explain-input");
    input.value = text;
    input.dispatchEvent(new Event("input", { bubbles: true }));
    while (!document.querySelector(".explain")?.textContent.includes("0xfffe1000"))
      await new Promise((done) => setTimeout(done, 20));
  });
  assert.deepEqual(asked, []);
  await page.context().close();
});
