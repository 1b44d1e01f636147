// What a hostile or unlucky page, link or text costs: others nothing, and the page little. Counted, not timed.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { packed, start, unspilled } from "./browser.mjs";

let site;
before(async () => (site = await start()));
after(() => site.close());

const HEAD = "iommu-playground 1\nmachine none\nram 0 .. 3G\ndevice n 00:03.0\n";
/** A text that draws all that a run may draw. */
const LONG = `${HEAD}steps\n${"dma n write 0x10_0000 +64 times 100\n".repeat(7_000)}`;
const SHORT = `${HEAD}steps\ndma n write 0x10_0000 +64\n`;

/** A page of ours with embeds in it; `seen` has their events in order. */
async function host(body) {
  const page = await site.open({ ready: false, hash: null });
  const html = `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Docs</title><link rel="icon" href="data:,">
    <script defer src="${site.origin}embed.js"></script>
    <script>window.seen = [];
      for (const name of ["ready", "step", "error"])
        addEventListener(name, (e) => { if (e.detail) seen.push(e.target.id + " " + name) }, true);
    </script></head><body><main><h1>Docs</h1>${body}</main></body></html>`;
  await page
    .context()
    .route(`${site.origin}page.html`, (route) =>
      route.fulfill({ body: html, headers: { "content-type": "text/html" } }),
    );
  await page.goto(`${site.origin}page.html`);
  return page;
}
const seen = (page, what) => page.waitForFunction((w) => window.seen.includes(w), what, { timeout: 60000 });
const embed = (id, text) =>
  `<iommu-playground id="${id}" scenario="${text.replaceAll("\n", "&#10;").replaceAll('"', "&quot;")}"></iommu-playground>`;

test("a long run in one embed holds up no other, and is stopped before its first picture", async () => {
  const page = await host(embed("long", LONG) + embed("short", SHORT));
  await page.waitForSelector("#long .embed-waiting button:not([hidden])");
  // Pressed by the page itself, as soon as the short one is there: the long one may end while a test is on its way.
  const early = await page.evaluate(
    () =>
      new Promise((done) => {
        const press = () => {
          const early = !window.seen.includes("long ready");
          document.querySelector("#long").shadowRoot.querySelector(".embed-waiting button").click();
          done(early);
        };
        if (window.seen.includes("short ready")) press();
        else addEventListener("ready", ({ target }) => target.id === "short" && press(), true);
      }),
  );
  assert.ok(early, "it was not long enough");
  await seen(page, "long ready");
  assert.match(await page.textContent("#long .notice"), /ended at line \d+.*stopped here/);
  assert.ok(await page.isHidden("#long .embed-waiting"));
  // What ran can be stepped, and the neighbour is as it was.
  await page.waitForSelector("#long #diagram svg");
  await page.click("#short #step");
  await seen(page, "short step");
  assert.equal(page.workers().length, 1);
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test("a long run ends with its element, or when it is to show something else", async () => {
  const page = await host(embed("gone", LONG) + embed("other", LONG) + embed("last", SHORT));
  await page.waitForSelector("#gone .embed-waiting button:not([hidden])");
  await page.evaluate((text) => {
    document.getElementById("gone").remove();
    document.getElementById("other").setAttribute("scenario", text);
  }, SHORT);
  await seen(page, "other ready");
  await seen(page, "last ready");
  assert.deepEqual(await page.evaluate(() => window.seen.filter((what) => /error|gone/.test(what))), []);
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test("thousands of changes of attributes are taken together, and a notice goes when they are right", async () => {
  const page = await host(embed("a", SHORT));
  await seen(page, "a ready");
  const built = await page.evaluate(async () => {
    const element = document.getElementById("a");
    let changes = 0;
    const body = element.shadowRoot.querySelector(".embed-body");
    new MutationObserver((records) => (changes += records.length)).observe(body, { childList: true });
    for (let batch = 0; batch < 30; batch++) {
      for (let i = 0; i < 600; i++)
        element.setAttribute(["view", "controls", "at", "depth", "theme", "lang"][i % 6], `${batch} ${i}`);
      await new Promise((done) => setTimeout(done));
    }
    return changes;
  });
  assert.ok(built <= 60, `built ${built} times for 30 batches`);
  await page.waitForFunction(() =>
    /view cannot be "29 \d+"/.test(
      document.getElementById("a").shadowRoot.querySelector(".notice").textContent,
    ),
  );
  await page.evaluate(() => {
    const element = document.getElementById("a");
    element.setAttribute("view", "full");
    element.setAttribute("controls", "full");
    element.setAttribute("at", "1");
    element.setAttribute("depth", "idea");
    element.setAttribute("lang", "en");
  });
  await page.waitForSelector("#a .notice", { state: "hidden" });
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test("an element that is moved, removed, hidden and restyled leaves nothing wrong", async () => {
  const page = await host(`<div id="here">${embed("a", SHORT)}</div><div id="there"></div>`);
  await seen(page, "a ready");
  await page.evaluate(async () => {
    const element = document.getElementById("a");
    const frame = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
    const inert = document.implementation.createHTMLDocument();
    for (let i = 0; i < 20; i++) {
      document.getElementById(i % 2 ? "here" : "there").append(element);
      if (i % 5 === 1) inert.body.append(element);
      if (i % 5 === 2) element.remove();
      element.style.cssText = ["display:none", "width:1px", "width:0", "zoom:3", ""][i % 5];
      await frame();
    }
    element.style.cssText = "";
    document.getElementById("here").append(element);
    element.scrollIntoView();
  });
  await page.waitForFunction(() => document.getElementById("a").length > 0);
  await page.waitForSelector("#a #diagram svg");
  const sizes = await page.evaluate(() => {
    const svg = document.getElementById("a").shadowRoot.querySelector("#diagram svg");
    return [svg.getAttribute("width"), svg.getAttribute("height")];
  });
  for (const size of sizes) assert.ok(Number(size) > 0, sizes.join(" "));
  await page.click("#a #step");
  await seen(page, "a step");
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test("of a hundred embeds those in sight start, the others as they come near; a machine serves all", async () => {
  const page = await host(
    Array.from({ length: 100 }, (_, i) => `${embed(`e${i}`, SHORT)}<p style="height:900px"></p>`).join(""),
  );
  await seen(page, "e0 ready");
  const ready = () => page.evaluate(() => window.seen.filter((what) => what.endsWith("ready")).length);
  assert.ok((await ready()) <= 4, `${await ready()} have started`);
  await page.evaluate(() => document.getElementById("e99").scrollIntoView());
  await seen(page, "e99 ready");
  assert.ok((await ready()) <= 8, `${await ready()} have started`);
  assert.equal(page.workers().length, 1);
  await page.context().close();
});

test("marks, rules and comments between the tags are read line by line", async () => {
  const marks = `<pre>${"# ".repeat(20_000)}\n${"# # #\n".repeat(5_000)}</pre>`;
  const page = await host(
    `<iommu-playground id="a" preset="howto">${marks}</iommu-playground><iommu-playground id="b">${marks}</iommu-playground>`,
  );
  await seen(page, "a ready");
  await seen(page, "b error");
  await page.context().close();
});

const WIDE = "W".repeat(60_000);
const MARKED = `Z${"\u0301".repeat(60_000)}`;
// A note is shown whole, and a browser shapes marks over one letter in a time that grows with their square.
const MARKED_NOTE = MARKED.slice(0, 10_000);
for (const [what, text] of [
  ["long words", `answer "${WIDE}"\ntry "${WIDE}"\nsource "${WIDE}"\n`],
  ["a title of marks", `title "${MARKED}"\n`],
  ["notes of marks and words", ""],
]) {
  test(`${what}: the page is no wider than its window`, async () => {
    const steps = what.startsWith("notes")
      ? `steps\n  note "${WIDE}"\n  dma n write 0x10_0000 +64\n  note "${MARKED_NOTE}"\n  cpu read 0x10_0000\n`
      : "steps\n  dma n write 0x10_0000 +64\n";
    const page = await site.open({
      hash: packed(HEAD.replace("machine", `${text}machine`) + steps),
      width: 360,
      height: 740,
    });
    await unspilled(page, what);
    await page.keyboard.press("End");
    await page.waitForFunction(() => document.documentElement.dataset.working === "no", null, {
      timeout: 60000,
    });
    await unspilled(page, `${what}, at the end`);
    assert.ok((await page.title()).length < 1_000);
    assert.deepEqual(page.errors, []);
    await page.context().close();
  });
}

test("thousands of buffers are a page of bounded size", async () => {
  const many = Array.from({ length: 15_000 }, (_, i) => `alloc a${i} 4K\n`).join("");
  const page = await site.open({ hash: packed(`${HEAD}steps\n${many}`), ready: false });
  await page.waitForSelector("html[data-ready]", { timeout: 60000 });
  assert.ok((await page.locator(".lane").count()) <= 200);
  assert.match(await page.textContent(".lane-more"), /\+14,?800/);
  const elements = await page.evaluate(() => document.querySelectorAll("*").length);
  assert.ok(elements < 10_000, `${elements} elements`);
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test("what of a link can't be is said, and passed over", async () => {
  const page = await site.open({ hash: "#p=mmio&at=-1&lang=xx&theme=constructor&view=all&at=2" });
  const said = await page.textContent(".message [role=status]");
  for (const part of ["at=-1", "lang=xx", "theme=constructor", "view=all"])
    assert.ok(said.includes(part), said);
  // Below 2^32: past the end of the run is its end.
  const end = await site.open({ hash: "#p=mmio&at=4294967295" });
  assert.equal(
    await end.getAttribute("#count", "data-position"),
    await end.getAttribute("#count", "data-length"),
  );
  await page.context().close();
  await end.context().close();
});

test("every page states its policy, and breaks none of it", async () => {
  for (const path of ["", "gallery.html", "gallery.zh.html", "embed.html", "iommu-playground.html"]) {
    const page = await site.open({ ready: false, hash: null });
    await page.addInitScript(() => {
      window.violations = [];
      document.addEventListener("securitypolicyviolation", (e) =>
        window.violations.push(e.violatedDirective),
      );
    });
    await page.goto(site.origin + path);
    await (path === "embed.html"
      ? page.waitForSelector("#diagram svg")
      : page.waitForSelector("html[data-ready]", { state: "attached" }));
    const policy = await page.getAttribute('meta[http-equiv="Content-Security-Policy"]', "content");
    assert.match(policy, /default-src '(self|none)'/, path);
    assert.doesNotMatch(
      policy.replace(/style-src [^;]*/, ""),
      /unsafe-inline|unsafe-eval'(?<!wasm-unsafe-eval')/,
    );
    // A script that gets into the page does not run.
    const ran = await page.evaluate(() => {
      const script = document.createElement("script");
      script.textContent = "window.hacked = 1";
      document.body.append(script);
      return window.hacked;
    });
    assert.equal(ran, undefined, path);
    assert.deepEqual(
      (await page.evaluate(() => window.violations)).filter((name) => !name.startsWith("script-src")),
      [],
      path,
    );
    await page.context().close();
  }
});

test("a browser whose storage is full keeps nothing and does everything", async () => {
  const page = await site.open({ ready: false, hash: null });
  await page.addInitScript(() => {
    Storage.prototype.setItem = () => {
      throw new DOMException("full", "QuotaExceededError");
    };
  });
  await page.goto(`${site.origin}#p=mmio`);
  await page.waitForSelector("html[data-ready]");
  await page.keyboard.press("e");
  await page.click(".cm-content");
  await page.keyboard.type("# mine\n");
  await page.waitForFunction(() => document.documentElement.dataset.working === "no");
  await page.keyboard.press("Escape");
  await page.click("#step");
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test("what an author wrote changes no direction and commands nothing; an embed of it is the same text", async () => {
  const bad = "x\u001b[31m\u0007\u202ey\u2066\u009bz";
  const text = `iommu-playground 1\ntitle "${bad}"\nanswer "${bad}"\ntry "${bad}"\nmachine none\ndevice n 00:03.0\nsteps # ${bad}\nnote "${bad}"\ndma n write 0x10_0000 +64 # ${bad}\n`;
  const page = await site.open({ hash: packed(text) });
  await page.keyboard.press("End");
  await page.waitForFunction(() => document.documentElement.dataset.working === "no");
  const acts = /(?![\n\t])[\p{Cc}\u200e\u200f\u2028-\u202e\u2066-\u2069]/u;
  const shown = await page.evaluate(() => [document.title, document.body.innerText]);
  assert.ok(shown[1].includes("x·[31m··y··z"), shown[1]);
  for (const said of shown) assert.doesNotMatch(said, acts);
  await page.click("#share-open");
  await page.waitForFunction(() => document.querySelector("#share-element").value.includes("<pre>"));
  const [element, frame] = await page.evaluate(() =>
    ["#share-element", "#share-frame"].map((id) => document.querySelector(id).value),
  );
  for (const said of [element.replaceAll("\u009b", ""), frame]) assert.doesNotMatch(said, acts);
  const read = await page.evaluate(
    (html) => new DOMParser().parseFromString(html, "text/html").querySelector("pre").textContent,
    element,
  );
  assert.equal(read, text);
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test("a link that is followed right after a step is not written over", async () => {
  const page = await site.open({ ready: false, hash: null });
  await page.addInitScript(() => {
    // What was to be done a little later can be done at once, before the browser tells that the address has changed.
    const later = window.setTimeout;
    window.waiting = [];
    window.setTimeout = (act, delay, ...rest) => {
      if (delay === 120) window.waiting.push(act);
      return later(act, delay, ...rest);
    };
  });
  await page.goto(`${site.origin}#p=mmio`);
  await page.waitForSelector("html[data-ready]");
  await page.click("#step");
  await page.waitForFunction(() => document.documentElement.dataset.working === "no");
  const written = await page.evaluate(async () => {
    location.hash = "#p=swiotlb";
    for (const act of window.waiting) await act();
    return location.hash;
  });
  assert.equal(written, "#p=swiotlb");
  await page.waitForFunction(() => document.querySelector("#scenario").value === "swiotlb");
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test("a link that is stopped before its first picture says so, and its keys do nothing wrong", async () => {
  const page = await site.open({ hash: packed(LONG), ready: false });
  // Pressed by the page itself, as soon as it is there: the run may end while a test is on its way.
  await page.evaluate(
    () =>
      new Promise((done) => {
        const press = () => {
          const stop = document.querySelector("#stop");
          if (!stop?.checkVisibility()) return void requestAnimationFrame(press);
          stop.click();
          stop.click();
          done();
        };
        press();
      }),
  );
  await page.waitForFunction(() =>
    /Stopped before anything|stopped here/.test(document.querySelector(".message").textContent),
  );
  assert.doesNotMatch(await page.textContent(".message"), /last good run/);
  for (const key of ["ArrowRight", "ArrowLeft", "End", "Home", "d", "m"]) await page.keyboard.press(key);
  await page.waitForFunction(() => document.documentElement.dataset.working === "no");
  assert.deepEqual(page.errors, []);
  await page.context().close();
});
