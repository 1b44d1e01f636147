// The picture: it holds still, is large enough to read, says where it goes on, and leaves for rooms, paper and slides.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { accessible, settled, start, stepThrough, unspilled } from "./browser.mjs";

let site;
before(async () => (site = await start()));
after(() => site.close());

/** Where everything of the picture is, and how large its words are; run in the page. */
const LOOK = `
  const holder = document.querySelector("#diagram");
  const svg = holder.querySelector("svg");
  const scale = svg.getBoundingClientRect().width / svg.viewBox.baseVal.width;
  const boxes = {};
  for (const piece of svg.querySelectorAll("[data-piece]")) {
    const rect = piece.querySelector("rect");
    // A range may end elsewhere when what is beside it comes or goes: where it starts is its place.
    boxes[piece.dataset.piece] = [rect.x.baseVal.value, rect.y.baseVal.value + rect.height.baseVal.value].join();
  }
  const over = holder.scrollHeight - holder.clientHeight > 4;
  const sizes = [...svg.querySelectorAll("text")].map((t) => parseFloat(getComputedStyle(t).fontSize) * scale);
  const room = holder.getBoundingClientRect();
  const answer = document.querySelector("main > .over:not([hidden]) .ending");
  const over_it = answer && answer.parentElement.getBoundingClientRect().top < room.bottom - 1;
  return { scale, boxes, over, more: holder.parentElement.dataset.more, least: Math.min(...sizes),
    answered: Boolean(answer), over_it, cut: answer && answer.parentElement.scrollHeight > answer.parentElement.clientHeight + 1,
    room: [room.x, room.y, room.width, room.height].map(Math.round).join(), view: svg.getAttribute("viewBox") };`;

/** Every preset, in both languages in turn. */
const PRESETS = JSON.parse(
  execFileSync("target/debug/iommu-play", ["gallery"], { encoding: "utf8" }),
).scenarios.map((scenario) => scenario.name);

test("from the first idea to the answer no box moves and no scale changes, no word is below 11 px, and the picture is whole", async () => {
  const page = await site.open({ hash: null, ready: false, height: 800 });
  for (const [nth, name] of PRESETS.entries()) {
    await page.goto("about:blank");
    await page.goto(`${site.origin}#p=${name}&lang=${nth % 3 === 2 ? "zh" : "en"}`);
    await page.waitForSelector("html[data-ready]");
    await settled(page);
    // The first picture may be fitted a frame later on a busy machine; one that never fits is found below.
    await page
      .waitForFunction(
        () => {
          const { scrollHeight, clientHeight } = document.querySelector("#diagram");
          return scrollHeight - clientHeight <= 4;
        },
        null,
        { timeout: 5_000 },
      )
      .catch(() => {});
    const looks = [
      await page.evaluate((look) => new Function(look)(), LOOK),
      ...(await stepThrough(page, LOOK)),
    ];
    assert.ok(looks.length > 2, name);
    const [first] = looks;
    const places = {};
    for (const [i, look] of looks.entries()) {
      const where = `${name}, idea ${i}`;
      assert.equal(look.room, first.room, where);
      assert.equal(look.scale, first.scale, where);
      assert.equal(look.view, first.view, where);
      for (const [key, place] of Object.entries(look.boxes)) {
        places[key] ??= place;
        assert.equal(place, places[key], `${where}: ${key}`);
      }
      assert.ok(look.least >= 10.99, `${where}: ${look.least} px`);
      assert.ok(!look.over, `${where}: not whole`);
      assert.ok(!look.over_it, `${where}: the answer covers the picture`);
      assert.ok(!look.cut, `${where}: the answer does not fit its room`);
    }
    assert.ok(looks.at(-1).answered, name);
  }
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test("a lesson that follows another is drawn at its own scale from the start", async () => {
  // What is told of the one takes other lines than of the next, so the picture's room changes by a few pixels.
  const page = await site.open({ hash: "#p=bus-offset", height: 800 });
  await page.keyboard.press("End");
  await page.click("#next-lesson");
  await page.waitForFunction(() => location.hash.includes("p=device-map"));
  await settled(page);
  const looks = [
    await page.evaluate((look) => new Function(look)(), LOOK),
    ...(await stepThrough(page, LOOK)),
  ];
  for (const look of looks) assert.deepEqual([look.scale, look.room], [looks[0].scale, looks[0].room]);
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

for (const [depth, names] of [
  // Where what came of an operation takes three lines.
  ["operation", ["physical-address", "peer-bar", "why-iommu"]],
  // Where a line of the text, or a read, takes two.
  ["read", ["why-iommu", "virtio-addresses", "direction", "lazy", "root-ports", "peer-bar", "guest-hole"]],
])
  test(`at the depth of ${depth}s too`, async () => {
    const page = await site.open({ hash: null, ready: false, height: 800 });
    for (const name of names) {
      await page.goto("about:blank");
      await page.goto(`${site.origin}#p=${name}&depth=${depth}`);
      await page.waitForSelector("html[data-ready]");
      await settled(page);
      const looks = await stepThrough(page, LOOK);
      const [first] = looks;
      const places = {};
      for (const [i, look] of looks.entries()) {
        assert.deepEqual(
          [look.room, look.scale, look.view],
          [first.room, first.scale, first.view],
          `${name} ${i}`,
        );
        for (const [key, place] of Object.entries(look.boxes))
          assert.equal(place, (places[key] ??= place), `${name} ${i}: ${key}`);
      }
    }
    assert.deepEqual(page.errors, []);
    await page.context().close();
  });

test("at the end, with its answer, what moved last is in sight on a phone held either way", async () => {
  for (const [width, height] of [
    [360, 740],
    [740, 360],
  ]) {
    for (const name of ["why-iommu", "lazy"]) {
      const page = await site.open({ hash: `#p=${name}`, width, height });
      await page.keyboard.press("End");
      await page.waitForSelector(".ending .answer");
      await settled(page);
      const seen = () => {
        const [token, room] = ["#diagram .token", "#diagram"].map((what) =>
          document.querySelector(what).getBoundingClientRect(),
        );
        return token.top >= room.top && token.bottom <= room.bottom;
      };
      await page.waitForFunction(seen, null, { timeout: 5000 });
      assert.ok(await page.isVisible("#step"), `${name} ${width}`);
      assert.deepEqual(page.errors, []);
      await page.context().close();
    }
  }
});

test("for a room: S leaves the picture, what is told and Step, larger; Escape ends it", async () => {
  const page = await site.open({ hash: "#p=why-iommu", width: 1920, height: 1080 });
  await page.click("#step");
  await settled(page);
  const size = () => page.$eval("#note", (p) => parseFloat(getComputedStyle(p).fontSize));
  const small = await size();
  await page.keyboard.press("s");
  await page.waitForSelector("html[data-presenting]");
  assert.ok((await size()) > 1.3 * small);
  for (const gone of [".bar", ".lanes", ".tools"])
    assert.equal(await page.locator(gone).first().isVisible(), false, gone);
  for (const there of ["#diagram svg", "#note", "#step"]) assert.ok(await page.isVisible(there), there);
  await page.keyboard.press("ArrowRight");
  await settled(page);
  await unspilled(page, "for a room");
  await accessible(page, "for a room");
  await page.keyboard.press("Escape");
  await page.waitForSelector("html:not([data-presenting])");
  await page.context().close();
});

test("for a room too, nothing moves from the first idea to the answer", async () => {
  for (const name of ["why-iommu", "fault-ladder", "howto"]) {
    const page = await site.open({ hash: `#p=${name}`, height: 800 });
    await page.keyboard.press("s");
    await page.waitForSelector("html[data-presenting]");
    await settled(page);
    // The answer takes its own room from the picture, at the end.
    const looks = (await stepThrough(page, LOOK)).filter((look) => !look.answered);
    assert.ok(looks.length > 1, name);
    for (const look of looks) assert.deepEqual([look.room, look.view], [looks[0].room, looks[0].view], name);
    await page.context().close();
  }
});

test("for slides and paper: an animated picture of the ideas or of a stop, and the ideas as a page", async () => {
  const page = await site.open({ hash: "#p=why-iommu" });
  await page.click("#step");
  await settled(page);
  await page.click("#share-open");
  const taken = async (id) => {
    const [download] = await Promise.all([page.waitForEvent("download"), page.click(id)]);
    return readFileSync(await download.path(), "utf8");
  };
  for (const id of ["#export-film", "#export-film-stop"]) {
    const film = await taken(id);
    assert.match(film, /^<svg /);
    assert.match(film, /<animate attributeName="visibility"/);
    assert.doesNotMatch(film, /<script/);
    // As an image, as it is shown in issues and slides.
    const width = await page.evaluate(async (svg) => {
      const image = document.createElement("img");
      image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg)}`;
      await image.decode();
      return image.naturalWidth;
    }, film);
    assert.ok(width > 400, `${id}: ${width}`);
  }
  const handout = await taken("#export-handout");
  const paper = await page.context().newPage();
  await paper.setContent(handout);
  assert.equal(await paper.locator("article figure svg").count(), 3);
  assert.ok((await paper.locator("h1").textContent()).length > 5);
  await accessible(paper, "the ideas as a page");
  await page.context().close();
});

test("printed, a step is what is told and the picture, on a light ground also of a dark page", async () => {
  const page = await site.open({ hash: "#p=why-iommu", theme: "dark" });
  await page.click("#step");
  await settled(page);
  await page.emulateMedia({ media: "print" });
  for (const there of ["#title", "#diagram svg", "#note"]) assert.ok(await page.isVisible(there), there);
  for (const gone of ["#step", ".tools", "#app > .bar button"])
    assert.equal(await page.locator(gone).first().isVisible(), false, gone);
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  assert.equal(await ground(), "rgb(251, 251, 250)");
  // Chosen by its button, and not by the system.
  await page.evaluate(() => (document.documentElement.dataset.theme = "dark"));
  assert.equal(await ground(), "rgb(251, 251, 250)");
  await accessible(page, "printed");
  // The answer too is read there, and nothing that is pressed.
  await page.emulateMedia({ media: "screen" });
  await page.keyboard.press("End");
  await page.waitForSelector("main > .over .answer");
  await page.emulateMedia({ media: "print" });
  assert.ok(await page.isVisible("main > .over .answer"));
  const pressed = await page.$$eval("button, select, summary, input", (all) =>
    all.filter((e) => e.checkVisibility() && !e.matches(".address-link")).map((e) => e.id || e.textContent),
  );
  assert.deepEqual(pressed, []);
  await page.context().close();
});

test("an arrow's head is seen, also where another arrow begins at it", async () => {
  for (const preset of ["swiotlb", "bounce-offset", "inbound-window"]) {
    const page = await site.open({ hash: `#p=${preset}`, height: 800 });
    await settled(page);
    const looks = await stepThrough(
      page,
      `const wires = [...document.querySelectorAll("#diagram g.wire:not(.again) .stroke")];
       const end = (path) => { const { x, y } = path.getPointAtLength(path.getTotalLength()); return [x, y].join(); };
       const again = [...document.querySelectorAll("#diagram g.again .stroke")];
       // Two that end at one place have one head.
       const under = wires.filter((stroke, i) => {
         const head = [2, 4].map((back) => stroke.getPointAtLength(stroke.getTotalLength() - back));
         const over = wires.slice(i + 1).filter((other) => end(other) !== end(stroke));
         return over.some((other) => head.some((p) => other.parentElement.querySelector(".halo").isPointInStroke(p)));
       });
       const seen = (stroke) => again.some((path) =>
         end(path) === end(stroke) && wires.at(-1).compareDocumentPosition(path) & Node.DOCUMENT_POSITION_FOLLOWING);
       return { under: under.length, unseen: under.filter((stroke) => !seen(stroke)).length };`,
    );
    assert.ok(
      looks.some(({ under }) => under > 0),
      preset,
    );
    for (const { unseen } of looks) assert.equal(unseen, 0, preset);
    await page.context().close();
  }
});

test("an arrow ends at the border of its box, also behind a letter", async () => {
  const page = await site.open({ hash: "#p=howto" });
  await page.keyboard.press("End");
  await settled(page);
  const off = await page.evaluate(() => {
    const borders = [...document.querySelectorAll("#diagram .piece rect")].flatMap((r) => {
      const { x, width } = r.getBBox();
      return [x, x + width];
    });
    return [...document.querySelectorAll("#diagram .wire .stroke")].map((line) => {
      const ends = [line.getPointAtLength(0), line.getPointAtLength(line.getTotalLength())];
      return Math.max(...ends.map((end) => Math.min(...borders.map((x) => Math.abs(x - end.x)))));
    });
  });
  assert.ok(off.length >= 4);
  assert.ok(Math.max(...off) < 1, off.join());
  await page.context().close();
});

test("what is unmapped and still cached is drawn, on each machine; an MSI page table's entry was never mapped", async () => {
  for (const [link, stale] of [
    ["p=lazy", true],
    ["p=lazy&arch=amd-vi", true],
    // Where a domain is known by a number of its first stage.
    ["p=lazy&arch=riscv", true],
    ["p=lazy&arch=smmuv3", true],
    ["p=interrupts&arch=riscv", false],
  ]) {
    const page = await site.open({ hash: `#${link}`, height: 800 });
    await settled(page);
    const said = await stepThrough(page, `return document.querySelector("#diagram svg").textContent;`);
    assert.ok(said.length > 2 && said.every((text) => text.includes("interrupt")), link);
    assert.equal(
      said.some((text) => /unmapped,.*still/.test(text)),
      stale,
      link,
    );
    await page.context().close();
  }
});

test("a letter is read beside the token, on a phone too", async () => {
  for (const preset of ["why-iommu", "use-after-unmap"]) {
    const page = await site.open({ hash: `#p=${preset}`, width: 360, height: 740 });
    await settled(page);
    const looks = await stepThrough(
      page,
      `const token = document.querySelector("#diagram .token circle")?.getBoundingClientRect();
       return [...document.querySelectorAll("#diagram text.letter")].map((letter) => {
         const { left, right, top, bottom } = letter.getBoundingClientRect();
         const level = token && top < token.bottom && bottom > token.top;
         return { beside: level && token.left - right < 12, over: level ? Math.min(right - token.left, token.right - left) : 0 };
       });`,
    );
    const all = looks.flat();
    assert.ok(
      all.some(({ beside }) => beside),
      preset,
    );
    for (const { over } of all) assert.ok(over <= 1, `${preset}: ${over} px of a letter under the token`);
    await page.context().close();
  }
});

test("the signs over the bar lie beside each other, however many there are", async () => {
  for (const [width, height] of [
    [1280, 800],
    [360, 740],
  ]) {
    const page = await site.open({ hash: null, ready: false, width, height });
    for (const name of ["iotlb-reach", "lazy", "why-iommu"])
      for (const depth of ["idea", "operation", "read"]) {
        await page.goto("about:blank");
        await page.goto(`${site.origin}#p=${name}&depth=${depth}`);
        await page.waitForSelector("html[data-ready]");
        await settled(page);
        const signs = await page.$$eval(".marks .mark", (all) =>
          all.map((mark) => {
            const { left, right } = mark.getBoundingClientRect();
            return { sign: mark.textContent, left, right };
          }),
        );
        assert.ok(signs.length > 0, `${name}, ${depth}`);
        signs.sort((a, b) => a.left - b.left);
        for (const [i, { sign, right }] of signs.slice(0, -1).entries())
          assert.ok(
            right <= signs[i + 1].left + 0.5,
            `${name}, ${depth}, ${width}: ${sign} on ${signs[i + 1].sign}`,
          );
      }
    await page.context().close();
  }
});

test("what fields mean stands in their table", async () => {
  const page = await site.open({ hash: "#p=why-iommu&depth=read" });
  for (let i = 0; i < 40 && !(await page.locator("td.meaning").count()); i++) {
    await page.keyboard.press("ArrowRight");
    await settled(page);
  }
  assert.equal(
    await page
      .locator("td.meaning")
      .first()
      .evaluate((cell) => getComputedStyle(cell).position),
    "static",
  );
  await page.context().close();
});

test("a crowd folds, long names wrap, and nothing is thrown, in a window of 320 px too", async () => {
  const devices = Array.from(
    { length: 40 },
    (_, i) => `device d${i} ${i < 20 ? "00" : "01"}:${((i % 20) + 4).toString(16).padStart(2, "0")}.0`,
  );
  const buffers = Array.from({ length: 1000 }, (_, i) => `alloc b${i} 4K`);
  const long = `alloc ${"n".repeat(40)} 4K`;
  const text = [
    "iommu-playground 1",
    `title "${"a very long title ".repeat(11)}"`,
    "machine vt-d",
    "iommu strict",
    "ram 0 .. 1G",
    ...devices,
    "steps",
    long,
    ...buffers,
    "rx = dma_map_single d0 b7 from-device",
    "dma d0 write rx +64",
  ].join("\n");
  for (const width of [320, 1280]) {
    const page = await site.open({ hash: "#p=why-iommu", width, height: 740 });
    await page.keyboard.press("e");
    await page.waitForSelector(".cm-content");
    await page.click(".cm-content");
    await page.keyboard.press("Control+a");
    await page.evaluate((t) => {
      const data = new DataTransfer();
      data.setData("text/plain", t);
      document
        .querySelector(".cm-content")
        .dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
    }, text);
    await page.waitForFunction(() => document.querySelectorAll("#diagram .piece.fold").length > 0, null, {
      timeout: 30000,
    });
    await settled(page);
    await page.keyboard.press("Escape");
    const lies = await page.$$eval("#diagram .piece rect, #diagram rect.actor", (all) => {
      const boxes = all.map((r) => [
        r.x.baseVal.value,
        r.y.baseVal.value,
        r.width.baseVal.value,
        r.height.baseVal.value,
      ]);
      const over = (a, b) =>
        a[0] + a[2] - 1 > b[0] && b[0] + b[2] - 1 > a[0] && a[1] + a[3] - 1 > b[1] && b[1] + b[3] - 1 > a[1];
      return boxes.flatMap((a, i) =>
        boxes
          .slice(i + 1)
          .filter((b) => over(a, b))
          .map((b) => `${a} on ${b}`),
      );
    });
    assert.deepEqual(lies, []);
    await unspilled(page, `${width} px`);
    assert.deepEqual(page.errors, []);
    await page.context().close();
  }
});
