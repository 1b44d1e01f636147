// The custom element in pages of others: hostile style sheets, themes, many on a page, refusals, hostile texts.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { accessible, start, unspilled } from "./browser.mjs";
import { elsewhere } from "./elsewhere.mjs";

let site;
let other;
before(async () => {
  site = await start();
  other = await elsewhere();
});
after(async () => {
  await site.close();
  other.close();
});

const ASCII = "CPU --> bus address 0x1000\n";
const TEXT = `iommu-playground 1
title "Mine"
machine vt-d
iommu strict
ram 0 .. 1G
device nic 00:03.0
steps
  dma nic write 0xdead_0000 +64
  expect fault any
`;

/** A page of another site, where the script comes from ours without any leave (CORS); or a page of ours. */
async function host(body, { head = "", headers = {}, sameOrigin = false, asked = [], ...options } = {}) {
  const page = await site.open({ ready: false, hash: null, ...options });
  page.on("request", (request) => asked.push(request.url()));
  const html = `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Docs</title><link rel="icon" href="data:,">${head}
    <script defer src="${site.origin}embed.js"></script>
    <script>window.seen = [];
      for (const name of ["ready", "step", "fault", "error"])
        addEventListener(name, (e) => { if (e.detail) seen.push([e.target.id, name, e.detail]) }, true);
    </script></head><body><main><h1>Docs</h1>${body}</main></body></html>`;
  let url = `${site.origin}page.html`;
  if (sameOrigin) {
    await page
      .context()
      .route(url, (route) =>
        route.fulfill({ body: html, headers: { "content-type": "text/html", ...headers } }),
      );
  } else {
    url = other.put(html, headers);
  }
  page.setDefaultTimeout(10000);
  await page.goto(url);
  return page;
}

const ready = (page, id) =>
  page.waitForFunction((i) => window.seen.some(([at, name]) => at === i && name === "ready"), id);
const failed = async (page, id) => {
  await page.waitForFunction((i) => window.seen.some(([at, name]) => at === i && name === "error"), id);
  return page.evaluate((i) => window.seen.find(([at, name]) => at === i && name === "error")[2], id);
};

/** Waits until the embed `a` has gone on from a position, or shows its answer. */
const onward = (page, from) =>
  page.waitForFunction((f) => {
    const element = document.getElementById("a");
    return element.position > f || !element.shadowRoot.querySelector(".over").hidden;
  }, from);

test("an embed from another host runs, steps, tells of it, and loads the machine once", async () => {
  const asked = [];
  const page = await host(
    `<iommu-playground id="a" preset="howto"><pre>${ASCII}</pre></iommu-playground>
     <iommu-playground id="b" preset="why-iommu" lang="zh" view="full"></iommu-playground>
     <iommu-playground id="c"><pre>${TEXT}</pre></iommu-playground>`,
    { asked },
  );
  await ready(page, "a");
  assert.ok(!(await page.isVisible("#a pre")), "the fallback is still there");
  for (const id of ["b", "c"]) {
    await page.evaluate((i) => document.getElementById(i).scrollIntoView(), id);
    await ready(page, id);
    await page.waitForSelector(`#${id} #diagram svg`);
  }
  assert.equal(await page.textContent("#c .embed-title"), "Mine");
  assert.match(await page.textContent("#b #step"), /单步/);
  assert.match(await page.textContent("#a #step"), /Step/);
  const from = await page.evaluate(() => document.getElementById("a").position);
  await page.click("#a #step");
  await page.waitForFunction((f) => document.getElementById("a").position > f, from);
  const there = await page.evaluate(() => document.getElementById("a").position);
  await page.keyboard.press("ArrowLeft");
  await page.waitForFunction((f) => document.getElementById("a").position < f, there);
  await page.waitForFunction(
    () => window.seen.filter(([id, name]) => id === "a" && name === "step").length > 1,
  );
  const steps = await page.evaluate(() => window.seen.filter(([id, name]) => id === "a" && name === "step"));
  assert.equal(steps.length, 2);
  assert.ok(steps[0][2].sentence && steps[0][2].length > 10);
  assert.equal(asked.filter((url) => url.endsWith(".wasm.js")).length, 1, asked.join("\n"));
  assert.equal(asked.filter((url) => url.endsWith("worker.js")).length, 1);
  const others = asked.filter((url) => !/^(blob:)?http:\/\/127\.0\.0\.1/.test(url));
  assert.deepEqual(others, []);
  await page.context().close();
});

test("methods and attributes: goto, play, pause, load, at, view, lang, controls", async () => {
  const page = await host(`<iommu-playground id="a" preset="why-iommu" at="fault"></iommu-playground>`, {
    sameOrigin: true,
  });
  await ready(page, "a");
  const tone = () => page.getAttribute("#a .now", "data-tone");
  assert.equal(await tone(), "fault");
  await page.evaluate(() => document.getElementById("a").goto("start"));
  assert.notEqual(await tone(), "fault");
  await page.evaluate(() => document.getElementById("a").goto("fault"));
  assert.ok(await page.evaluate(() => window.seen.some(([, name]) => name === "fault")));
  await page.evaluate(() => document.getElementById("a").goto(3));
  assert.equal(await page.evaluate(() => document.getElementById("a").position), 3);
  await page.evaluate(() => document.getElementById("a").play());
  await page.waitForFunction(() => document.getElementById("a").position > 3);
  await page.evaluate(() => document.getElementById("a").pause());
  const at = await page.evaluate(() => document.getElementById("a").position);
  // Nothing is left that would step: the button says so, and what was asked for before is over.
  assert.equal(await page.getAttribute("#a #play", "aria-pressed"), "false");
  assert.equal(await page.evaluate(() => document.getElementById("a").position), at);
  await page.evaluate(() => document.getElementById("a").setAttribute("lang", "zh"));
  await page.waitForFunction(() =>
    /单步/.test(document.getElementById("a").shadowRoot.querySelector("#step").textContent),
  );
  await page.evaluate(() => document.getElementById("a").setAttribute("view", "walk"));
  assert.ok(await page.isVisible("#a #walk"));
  assert.equal(await page.locator("#a #diagram").count(), 0);
  await page.evaluate(() => document.getElementById("a").setAttribute("controls", "none"));
  assert.equal(await page.locator("#a #step").count(), 0);
  const ran = await page.evaluate((t) => document.getElementById("a").load({ scenario: t, at: "end" }), TEXT);
  assert.equal(ran, true);
  assert.equal(await page.textContent("#a .embed-title"), "Mine");
  assert.equal(
    await page.evaluate(() => document.getElementById("a").position),
    await page.evaluate(() => document.getElementById("a").length),
  );
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test("by default: sentence, picture, Step and bar within 560 px, the answer at the end, and it shrinks again", async () => {
  const page = await host(
    `<div id="around" style="width:828px"><iommu-playground id="a" preset="howto"></iommu-playground></div>`,
  );
  await ready(page, "a");
  await page.waitForSelector("#a #diagram svg");
  const height = () => page.evaluate(() => document.getElementById("a").offsetHeight);
  for (const part of ["#note", "#diagram", "#step", "#scrub"])
    assert.ok(await page.isVisible(`#a ${part}`), part);
  for (const part of ["#depth", "#speed", ".inspector", ".tools"])
    assert.equal(await page.isVisible(`#a ${part}`), false, part);
  const first = await height();
  assert.ok(first <= 560, `${first} px`);
  while (await page.isEnabled("#a #step")) {
    const from = await page.evaluate(() => document.getElementById("a").position);
    await page.click("#a #step");
    await onward(page, from);
    assert.equal(await height(), first);
    // The last stop is read like the others: the answer is a step of its own.
    const [at, length] = await page.evaluate(() => {
      const { position, length } = document.getElementById("a");
      return [position, length];
    });
    const answered = await page.isVisible("#a .ending .answer");
    assert.equal(answered, from === length);
    if (at !== length || answered) continue;
    assert.match(await page.textContent("#a #step"), /The answer/);
    assert.match(await page.textContent("#a #note"), /The device writes to Z/);
  }
  const last = await height();
  assert.ok(await page.isVisible("#a .ending .answer"));
  // In the place of what is told: the picture is whole below it, as before.
  await page.waitForFunction(() => {
    const part = (name) => document.getElementById("a").shadowRoot.querySelector(name);
    const at = (name) => part(name).getBoundingClientRect();
    const [token, picture, answer, told] = ["#diagram .token", "#diagram", ".over", ".now"].map(at);
    const whole = part("#diagram").scrollHeight - part("#diagram").clientHeight <= 1;
    const cut = part(".over").scrollHeight > part(".over").clientHeight + 1;
    return (
      whole &&
      !cut &&
      token.bottom <= picture.bottom + 1 &&
      answer.bottom <= picture.top + 1 &&
      answer.top <= told.top &&
      answer.bottom >= told.bottom
    );
  });
  // Back, and the cross, lead from the answer to what it stood in place of.
  for (const away of ["#a #back", "#a #hide-answer"]) {
    assert.equal(await page.isEnabled("#a #step"), false);
    await page.click(away);
    assert.equal(await page.isVisible("#a .ending .answer"), false);
    assert.ok(await page.isVisible("#a #note"));
    await page.click("#a #step");
    assert.ok(await page.isVisible("#a .ending .answer"));
  }
  await page.click("#a #to-start");
  await page.click("#a #to-end");
  await page.waitForSelector("#a .ending .answer");
  await page.click("#a #hide-answer");
  for (const [width, same] of [
    ["500px", false],
    ["828px", true],
    ["340px", false],
    ["828px", true],
  ]) {
    await page.evaluate((w) => (document.getElementById("around").style.width = w), width);
    await page.waitForFunction(
      ([h, wanted]) => (document.getElementById("a").offsetHeight === h) === wanted,
      [last, same],
    );
  }
  await page.context().close();
});

test("in a document's width the pictures of long lessons are whole at every stop, and of one scale", async () => {
  const page = await host(
    `<div style="width:828px"><iommu-playground id="a" preset="lazy"></iommu-playground></div>`,
  );
  await ready(page, "a");
  // Each has much to tell, an answer of many lines, or a picture of many rows.
  // In either language, also when it is changed while one is shown: what is asked of the machine then adds nothing.
  let shown = "lazy";
  for (const [preset, lang] of [
    ["lazy", "en"],
    ["fault-ladder-amd", "en"],
    ["ring", "zh"],
    ["ring", "en"],
    ["use-after-unmap", "en"],
    ["virtio-addresses", "en"],
    ["stream-id", "en"],
    ["which-number", "en"],
    ["two-stages", "zh"],
    ["lazy", "zh"],
  ]) {
    await page.evaluate(
      ([p, l]) => {
        window.seen = [];
        document.getElementById("a").setAttribute("lang", l);
        document.getElementById("a").setAttribute("preset", p);
      },
      [preset, lang],
    );
    if (preset === shown) await page.waitForSelector(`#a .embed-body[lang^="${lang}"]`);
    else await ready(page, "a");
    shown = preset;
    const looks = await page.evaluate(async () => {
      const element = document.getElementById("a");
      const part = (name) => element.shadowRoot.querySelector(name);
      const frames = (n) =>
        new Promise((done) => (n ? requestAnimationFrame(() => done(frames(n - 1))) : done()));
      const looks = [];
      await element.goto("start");
      const look = () => {
        const [picture, svg] = [part("#diagram"), part("#diagram svg")];
        const scale = svg.getBoundingClientRect().width / svg.viewBox.baseVal.width;
        return { over: picture.scrollHeight - picture.clientHeight, scale: scale.toFixed(3) };
      };
      while (!part("#diagram svg")) await frames(1);
      for (;;) {
        // A busy machine may fit it some frames later.
        let [before, now] = [null, look()];
        const until = performance.now() + 4000;
        while (performance.now() < until && (before?.scale !== now.scale || now.over > 1)) {
          await frames(10);
          [before, now] = [now, look()];
        }
        looks.push(now);
        if (part("#step").disabled) return looks;
        const from = element.position;
        part("#step").click();
        while (element.position === from && part(".over").hidden) await frames(1);
      }
    });
    assert.ok(looks.length > 3, `${preset} (${lang})`);
    // A long title takes one line too, and is whole when it is pointed at.
    const title = await page.evaluate(() => {
      const { title, textContent } = document.getElementById("a").shadowRoot.querySelector(".embed-title");
      const head = document.getElementById("a").shadowRoot.querySelector(".embed-head");
      return { rows: head.offsetHeight / 22.5, whole: title === textContent };
    });
    assert.ok(title.rows < 1.5 && title.whole, `${preset} (${lang}): ${title.rows} lines of title`);
    for (const { over, scale } of looks) {
      assert.ok(over <= 1, `${preset} (${lang}): ${over} px out of sight`);
      assert.equal(scale, looks[0].scale, preset);
    }
  }
  await page.context().close();
});

test("in a narrow host too the answer stands above the picture, and the height does not change", async () => {
  for (const [width, preset] of [
    [340, "why-iommu"],
    [500, "sva"],
    [640, "two-stages"],
  ]) {
    const page = await host(
      `<div style="width:${width}px"><iommu-playground id="a" preset="${preset}"></iommu-playground></div>`,
    );
    await ready(page, "a");
    await page.waitForSelector("#a #diagram svg");
    const height = () => page.evaluate(() => document.getElementById("a").offsetHeight);
    const first = await height();
    while (await page.isEnabled("#a #step")) {
      const from = await page.evaluate(() => document.getElementById("a").position);
      await page.click("#a #step");
      await onward(page, from);
      assert.equal(await height(), first, `${preset} at ${width} px`);
    }
    await page.waitForSelector("#a .ending .answer");
    await page.waitForFunction(() => {
      const at = (part) =>
        document.getElementById("a").shadowRoot.querySelector(part).getBoundingClientRect();
      const [token, picture, answer] = ["#diagram .token", "#diagram", ".over"].map(at);
      return token.bottom <= picture.bottom + 1 && answer.bottom <= picture.top + 1;
    });
    await page.context().close();
  }
});

test("the depth is an attribute; a stop opens in the embed too", async () => {
  const page = await host(
    `<iommu-playground id="a" preset="why-iommu" depth="operation"></iommu-playground>`,
    {
      sameOrigin: true,
    },
  );
  await ready(page, "a");
  const steps = async () => Number(await page.getAttribute("#a #scrub", "max"));
  const operations = await steps();
  await page.evaluate(() => document.getElementById("a").setAttribute("depth", "idea"));
  await page.waitForFunction(
    (n) => Number(document.getElementById("a").shadowRoot.querySelector("#scrub").max) < n,
    operations,
  );
  await page.click("#a #step");
  await page.waitForSelector("#a .inner [data-kind=came]");
  await page.keyboard.press("o");
  await page.waitForSelector("#a .inner [data-kind=operation]");
  await page.evaluate(() => document.getElementById("a").setAttribute("depth", "deep"));
  const { message } = await failed(page, "a");
  assert.match(message, /depth.*"deep".*idea, operation, read/);
  await page.context().close();
});

test("two embeds of different languages, stepped in turn, each speak their own", async () => {
  const page = await host(
    `<iommu-playground id="en" preset="lazy" depth="read" view="full" controls="full"></iommu-playground>
     <iommu-playground id="zh" preset="lazy" depth="read" view="full" controls="full" lang="zh"></iommu-playground>`,
    { width: 1000 },
  );
  for (const id of ["en", "zh"]) {
    await page.evaluate((i) => document.getElementById(i).scrollIntoView(), id);
    await ready(page, id);
  }
  const han = /[\u4e00-\u9fff]/;
  for (let i = 0; i < 12; i++) {
    // Both at once, and the answers come as they will.
    const from = await page.evaluate(() => ["en", "zh"].map((id) => document.getElementById(id).position));
    await page.evaluate(() => {
      for (const id of ["en", "zh"]) document.getElementById(id).shadowRoot.querySelector("#step").click();
    });
    await page.waitForFunction(
      (f) => ["en", "zh"].every((id, n) => document.getElementById(id).position > f[n]),
      from,
    );
    // What a box says when it is pointed at is made later, after the machine's answer.
    for (const id of ["en", "zh"]) {
      await page.locator(`#${id} [data-piece]`).first().focus();
      await page.waitForSelector(`#${id} .tip:not([hidden])`, { state: "attached" });
    }
    const words = await page.evaluate(() =>
      ["en", "zh"].map((id) => {
        const root = document.getElementById(id).shadowRoot;
        return [...root.querySelectorAll(".inner, .inspector, .tip, .buttons")].map((e) => e.textContent);
      }),
    );
    for (const text of words[0]) assert.doesNotMatch(text, han);
    const [inner, , tip, buttons] = words[1];
    for (const text of [inner, buttons]) assert.match(text, han);
    assert.doesNotMatch(tip, /more|stale: only/);
  }
  await page.context().close();
});

test("many embeds start only when they are near", async () => {
  const one = (i) =>
    `<iommu-playground id="e${i}" preset="why-iommu"></iommu-playground><p style="height:3000px"></p>`;
  const page = await host([0, 1, 2].map(one).join(""));
  await ready(page, "e0");
  assert.deepEqual(await page.evaluate(() => window.seen.map(([id]) => id)), ["e0"]);
  await page.evaluate(() => document.getElementById("e2").scrollIntoView());
  await ready(page, "e2");
  assert.ok(!(await page.evaluate(() => window.seen.some(([id]) => id === "e1"))));
  assert.equal(page.workers().length, 1);
  await page.context().close();
});

test("no style goes in or out", async () => {
  const hostile = `<style>
    * { color: rgb(255, 0, 0) !important; letter-spacing: 9px !important; font: 40px serif !important;
        text-transform: uppercase !important; line-height: 4 !important; --ink: red; --mono: cursive; }
    button, svg, rect, p { display: none !important; border: 9px solid red !important; }
    iommu-playground { direction: rtl; white-space: pre; text-align: right; visibility: inherit }
    .embed, .now, #step { opacity: 0 !important }
  </style>`;
  const body = `<p class="now" id="outside">outside</p><button class="primary" id="out">b</button>
    <iommu-playground id="a" preset="why-iommu" theme="light" at="3"></iommu-playground>`;
  const look = (page) =>
    page.evaluate(async () => {
      const root = document.getElementById("a").shadowRoot;
      await Promise.all(root.getAnimations().map((animation) => animation.finished));
      return [
        ...root.querySelectorAll(".embed-title, .ideas p, .line-said, #step, #diagram text, .track input"),
      ]
        .slice(0, 20)
        .map((e) => {
          const s = getComputedStyle(e);
          return [
            s.color,
            s.fontSize,
            s.fontFamily,
            s.letterSpacing,
            s.display,
            s.opacity,
            s.direction,
            s.whiteSpace,
          ];
        });
    });
  const plain = await host(body);
  const attacked = await host(body, { head: hostile });
  for (const page of [plain, attacked]) {
    await ready(page, "a");
    await page.waitForSelector("#a #diagram svg", { state: "attached" });
  }
  assert.deepEqual(await look(attacked), await look(plain));
  const outside = (page) =>
    page.evaluate(() => {
      const s = getComputedStyle(document.getElementById("outside"));
      return [s.borderLeftWidth, s.minHeight, getComputedStyle(document.getElementById("out")).minWidth];
    });
  const bare = await host(
    `<p class="now" id="outside">outside</p><button class="primary" id="out">b</button>`,
  );
  assert.deepEqual(await outside(plain), await outside(bare));
  for (const page of [plain, attacked, bare]) await page.context().close();
});

test("the theme is that of the page around, and changes with it", async () => {
  const page = await host(`<iommu-playground id="a" preset="why-iommu"></iommu-playground>`);
  await ready(page, "a");
  const theme = () => page.getAttribute("#a .embed-body", "data-theme");
  const set = async (code) => {
    await page.evaluate(code);
    return theme();
  };
  assert.equal(await theme(), "light");
  for (const dark of ["coal", "navy", "ayu"])
    assert.equal(await set(`document.documentElement.className = "${dark}"`), "dark");
  for (const light of ["light", "rust"])
    assert.equal(await set(`document.documentElement.className = "${light}"`), "light");
  assert.equal(await set(`document.documentElement.dataset.theme = "dark"`), "dark");
  assert.equal(await set(`document.documentElement.dataset.theme = "auto"`), "light");
  assert.equal(await set(`document.documentElement.className = ""`), "light");
  assert.equal(await set(`document.body.dataset.mdColorScheme = "slate"`), "dark");
  assert.equal(await set(`document.body.dataset.mdColorScheme = "default"`), "light");
  assert.equal(await set(`delete document.body.dataset.mdColorScheme`), "light");
  // Words that every object of the language knows name no theme.
  assert.equal(await set(`document.documentElement.dataset.theme = "toString"`), "light");
  assert.equal(await set(`document.documentElement.className = "constructor __proto__"`), "light");
  await page.emulateMedia({ colorScheme: "dark" });
  await page.waitForSelector("#a .embed-body[data-theme=dark]");
  assert.equal(await set(`document.getElementById("a").setAttribute("theme", "light")`), "light");
  await page.context().close();
});

test("what cannot be shown is said in the element and by an event; the text stays", async () => {
  const inside = `<pre>${ASCII}</pre>`;
  const page = await host(
    `<iommu-playground id="name" preset="hwoto">${inside}</iommu-playground>
     <iommu-playground id="text" scenario="iommu-playground 1&#10;stpes">${inside}</iommu-playground>
     <iommu-playground id="none">${inside}</iommu-playground>
     <iommu-playground id="src" src="missing.scn">${inside}</iommu-playground>
     <iommu-playground id="script" src="javascript:window.hacked=1">${inside}</iommu-playground>
     <iommu-playground id="view" preset="why-iommu" view="3d" at="soon">${inside}</iommu-playground>`,
    { sameOrigin: true },
  );
  for (const [id, kind, words] of [
    ["name", "attribute", /"hwoto"/],
    ["text", "scenario", /2:1.*steps/],
    ["none", "attribute", /preset=/],
    ["src", "source", /missing\.scn.*404/],
    ["script", "attribute", /javascript:/],
    ["view", "attribute", /soon|3d/],
  ]) {
    await page.evaluate((i) => document.getElementById(i).scrollIntoView(), id);
    const detail = await failed(page, id);
    assert.equal(detail.kind, kind, id);
    assert.match(detail.message, words);
    assert.match(await page.textContent(`#${id} .notice`), words);
    if (id !== "view") assert.ok(await page.isVisible(`#${id} pre`), id);
  }
  await ready(page, "view");
  assert.equal(await page.evaluate(() => window.hacked), undefined);
  await page.context().close();
});

test("an address that never ends is given up after a while, and another element goes on", async () => {
  const page = await host(`<iommu-playground id="other" preset="why-iommu"></iommu-playground>`, {
    sameOrigin: true,
  });
  await ready(page, "other");
  // Nothing is ever answered; only the page's own clock runs ahead.
  await page.context().route("**/endless.scn", () => {});
  await page.clock.install();
  const asked = page.waitForRequest("**/endless.scn");
  await page.evaluate((text) => {
    const element = document.createElement("iommu-playground");
    element.id = "slow";
    element.setAttribute("src", "endless.scn");
    element.innerHTML = `<pre>${text}</pre>`;
    document.querySelector("main").prepend(element);
    element.scrollIntoView();
  }, ASCII);
  await asked;
  await page.clock.fastForward(30_000);
  const detail = await failed(page, "slow");
  assert.equal(detail.kind, "source");
  assert.match(detail.message, /endless\.scn.*20 seconds/);
  assert.ok(await page.isVisible("#slow pre"));
  await page.click("#other .step, #other #step");
  await page.context().close();
});

test("a policy without WebAssembly, and one without the worker, are named", async () => {
  const embed = `<iommu-playground id="a" preset="why-iommu"><pre>${ASCII}</pre></iommu-playground>`;
  const inline = "'sha256-x' 'unsafe-inline'".slice(11);
  for (const [policy, words] of [
    [`script-src ${site.origin} ${inline}; worker-src blob:`, /wasm-unsafe-eval/],
    [`script-src ${site.origin} ${inline} 'wasm-unsafe-eval'; worker-src 'none'`, /worker-src/],
  ]) {
    const page = await host(embed, { headers: { "content-security-policy": policy } });
    const { kind, message } = await failed(page, "a");
    assert.equal(kind, "machine");
    assert.match(message, words);
    assert.ok(await page.isVisible("#a pre"));
    await page.context().close();
  }
});

test("the strictest policy that is documented is enough", async () => {
  const policy = `default-src 'none'; script-src ${site.origin} 'unsafe-inline' 'wasm-unsafe-eval'; worker-src blob:`;
  const page = await host(`<iommu-playground id="a" preset="why-iommu" view="full"></iommu-playground>`, {
    headers: { "content-security-policy": policy },
  });
  await page.evaluate(() => (window.violations = []));
  await page.evaluate(() =>
    document.addEventListener("securitypolicyviolation", (e) => window.violations.push(e.effectiveDirective)),
  );
  await ready(page, "a");
  await page.click("#a #step");
  await page.waitForSelector("#a #diagram svg");
  // The module comes as a script where it may not be fetched: that one refusal is expected.
  assert.deepEqual(await page.evaluate(() => window.violations.filter((v) => v !== "connect-src")), []);
  await page.context().close();
});

test("hostile titles, notes, texts and attributes stay text", async () => {
  const evil = `<img src=x onerror=window.hacked=1><script>window.hacked=1</script>`;
  const text = TEXT.replace("Mine", evil).replace("steps\n", `steps\n  note "${evil} javascript:hacked=1"\n`);
  const page = await host(`<iommu-playground id="a" view="full"></iommu-playground>`, { sameOrigin: true });
  await failed(page, "a");
  const run = (options) => page.evaluate((o) => document.getElementById("a").load(o), options);
  assert.equal(await run({ scenario: text, at: "end" }), true);
  assert.equal(await page.textContent("#a .embed-title"), evil);
  for (const bad of [{ scenario: `${evil}` }, { preset: evil }, { src: `data:text/html,${evil}` }])
    assert.equal(await run(bad), false);
  await page.evaluate((e) => {
    for (const name of ["view", "lang", "theme", "at", "controls"])
      document.getElementById("a").setAttribute(name, `"><${e}`);
  }, evil);
  await page.waitForTimeout(200);
  const made = await page.evaluate(() => {
    const root = document.getElementById("a").shadowRoot;
    const attributes = [...root.querySelectorAll("*")].flatMap((e) => e.getAttributeNames());
    return {
      elements: root.querySelectorAll("img, script, iframe, object, style, link").length,
      handlers: attributes.filter((name) => name.startsWith("on")),
      hrefs: [...root.querySelectorAll("[href]")].map((e) => new URL(e.href).protocol),
    };
  });
  assert.deepEqual(made, { elements: 0, handlers: [], hrefs: made.hrefs.filter((p) => p === "http:") });
  assert.equal(await page.evaluate(() => window.hacked), undefined);
  assert.equal(await page.evaluate(() => localStorage.length), 0, "an embed left something behind");
  await page.context().close();
});

for (const [width, theme, lang] of [
  [1280, "light", "en"],
  [360, "dark", "zh"],
]) {
  test(`accessible and unclipped at ${width} px, ${theme}, ${lang}`, async () => {
    const page = await host(
      `<div lang="${lang}"><iommu-playground id="a" preset="why-iommu" at="fault" view="full"></iommu-playground>
       <iommu-playground id="b" preset="howto" view="walk"></iommu-playground>
       <iommu-playground id="c" preset="hwoto" view="walk"></iommu-playground></div>`,
      {
        width,
        theme,
        head: `<style>:root { color-scheme: light dark }</style><meta name="viewport" content="width=device-width">`,
      },
    );
    for (const id of ["a", "b"]) {
      await page.evaluate((i) => document.getElementById(i).scrollIntoView(), id);
      await ready(page, id);
    }
    await page.waitForSelector("#a #diagram svg");
    await accessible(page);
    await unspilled(page);
    if (process.env.SHOTS)
      await page.screenshot({ path: `${process.env.SHOTS}/embed-${width}-${theme}.png`, fullPage: true });
    await page.context().close();
  });
}

test("on a phone what opens a stop keeps to one line, and the embed its height", async () => {
  const page = await host(
    `<iommu-playground id="a" preset="why-iommu" depth="operation" at="start"></iommu-playground>`,
    { width: 360, height: 740 },
  );
  await ready(page, "a");
  const seen = [];
  for (let n = 0; n < 4; n++) {
    seen.push(
      await page.evaluate(() => {
        const root = document.querySelector("#a").shadowRoot;
        const [count, where, open] = ["#count", "#where", "#open"].map((id) => root.querySelector(id));
        const { height } = open.getBoundingClientRect();
        const gap = where.textContent
          ? where.getBoundingClientRect().left - count.getBoundingClientRect().right
          : 8;
        return { height, gap: Math.round(gap), aside: root.querySelector(".aside").offsetHeight };
      }),
    );
    await page.evaluate(() => document.querySelector("#a").shadowRoot.querySelector("#step").click());
    await page.waitForTimeout(300);
  }
  assert.ok(
    seen.every(({ height, gap }) => height <= 32 && gap >= 8),
    JSON.stringify(seen),
  );
  assert.equal(new Set(seen.map(({ aside }) => aside)).size, 1, JSON.stringify(seen));
  await page.context().close();
});
