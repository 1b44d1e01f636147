// The gallery: every question is there with its own picture, can be found in both languages, opens and can be shared.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { after, before, test } from "node:test";
import { accessible, start, unspilled } from "./browser.mjs";

let site;
before(async () => (site = await start()));
after(() => site.close());

const PAGES = ["gallery.html", "gallery.zh.html"];
const said = JSON.parse(execFileSync("target/debug/iommu-play", ["gallery"], { encoding: "utf8" }));

/** The cards shown, once the search has answered what was typed last. */
const settled = (page) =>
  page.waitForFunction(
    () => document.documentElement.dataset.asked === document.documentElement.dataset.shown,
  );
const shown = async (page) => {
  await settled(page);
  return cards(page);
};
const cards = (page) => page.$$eval(".card:not([hidden])", (cards) => cards.map((card) => card.id));

test("every scenario has a card with its title, answer and a picture that the core drew", async () => {
  for (const hash of PAGES) {
    const page = await site.open({ hash });
    const lang = hash.includes("zh") ? "zh" : "en";
    const cards = await page.$$eval(".card", (all) =>
      all.map((card) => ({
        name: card.id,
        title: card.querySelector("h3").textContent,
        answer: card.querySelector("p").textContent,
      })),
    );
    const want = said.scenarios.map((s) => ({ name: s.name, title: s.title[lang], answer: s.answer[lang] }));
    assert.deepEqual(cards, want);
    const pictures = await page.$$eval(".card img", (images) =>
      Promise.all(
        images.map(async (image) => {
          image.loading = "eager";
          await image.decode();
          return image.naturalWidth === Number(image.getAttribute("width"));
        }),
      ),
    );
    assert.equal(pictures.length, said.scenarios.length);
    assert.ok(pictures.every(Boolean));
    // The path: each scenario of it once, numbered through.
    const path = await page.$$eval(".stage ol li", (steps) =>
      steps.map((step) => `${step.value} ${/#p=([a-z-]+)/.exec(step.querySelector("a").href)[1]}`),
    );
    const order = said.path.flatMap((stage) => stage.scenarios);
    assert.deepEqual(
      path,
      order.map((name, i) => `${i + 1} ${name}`),
    );
    const terms = await page.$$eval(".terms dt", (names) => names.map((name) => name.textContent));
    assert.deepEqual(
      terms,
      said.terms.flatMap((chapter) => chapter.terms).map((term) => term.name[lang]),
    );
    assert.deepEqual(page.errors, []);
    await page.context().close();
  }
});

test("search takes either language, and what is found is in the address", async () => {
  const page = await site.open({ hash: "gallery.html" });
  await page.keyboard.press("/");
  await page.keyboard.type("RMRR");
  assert.deepEqual(await shown(page), ["reserved-memory"]);
  assert.equal(await page.textContent("#count"), "1 question");
  assert.equal(new URL(page.url()).hash, "#q=RMRR");
  await page.fill("#search", "描述符 门铃");
  assert.equal((await shown(page))[0], "ring");
  await page.fill("#search", "qwertyuiop zxcvbnm");
  assert.deepEqual(await shown(page), []);
  await page.click("#reset");
  assert.equal((await shown(page)).length, said.scenarios.length);
  await page.click("label:has([value=interrupts])");
  await page.click("label:has([value=advanced])");
  const wanted = said.scenarios.filter(
    (s) => s.topics.includes("interrupts") && s.difficulty.name === "advanced",
  );
  assert.deepEqual(
    await shown(page),
    wanted.map((s) => s.name),
  );
  // The same view, linked, and in the other language.
  const link = page.url();
  await page.click("#lang");
  await page.waitForSelector("html[data-ready]:lang(zh)");
  assert.equal((await shown(page)).length, wanted.length);
  const other = await site.open({ hash: link.slice(site.origin.length) });
  assert.equal((await shown(other)).length, wanted.length);
  assert.equal(await other.isChecked("[value=interrupts]"), true);
  await other.context().close();
  await page.context().close();
});

test("a card opens its scenario, loading each file once, and the page leads back", async () => {
  const page = await site.open({ hash: "gallery.html" });
  const loaded = [];
  page.on("request", (request) => loaded.push(request.url().replace(/#.*/, "")));
  await page.click("#swiotlb h3 a");
  await page.waitForSelector("html[data-ready]");
  await page.waitForFunction(() => document.querySelector("#title")?.textContent.includes("swiotlb"));
  assert.equal(loaded.filter((url) => url.endsWith("/first/swiotlb/en.json")).length, 1, loaded.join(" "));
  assert.ok(!loaded.some((url) => url.endsWith(".wasm")), loaded.join(" "));
  assert.match(new URL(page.url()).hash, /^#p=swiotlb/);
  await page.click("#gallery");
  await page.waitForSelector("#cards");
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

/** Keeps what the page says in `said`: it takes it back after two seconds, which on a busy machine nobody may see. */
const listen = (page) =>
  page.evaluate(() => {
    const toast = document.querySelector("#toast");
    new MutationObserver(() => (window.said ||= toast.textContent)).observe(toast, { childList: true });
  });

test("a link and the code of an embed are copied", async () => {
  const page = await site.open({
    hash: "gallery.zh.html",
    permissions: ["clipboard-read", "clipboard-write"],
  });
  const clipboard = () => page.evaluate(() => globalThis.navigator.clipboard.readText());
  await listen(page);
  await page.click("#ring [data-copy=link]");
  await page.waitForFunction(() => window.said);
  assert.equal(await clipboard(), `${site.origin}#p=ring&lang=zh`);
  await page.click("#ring [data-copy=embed]");
  await page.waitForFunction(async () =>
    (await globalThis.navigator.clipboard.readText()).includes("<iommu-playground"),
  );
  const code = await clipboard();
  assert.ok(code.includes(`${site.origin}embed.js`) && code.includes('preset="ring"'), code);
  await page.context().close();
});

test("where nothing can be copied the text is there, marked, with a plain sentence", async () => {
  for (const hash of PAGES) {
    const page = await site.open({ hash });
    await page.evaluate(() => {
      navigator.clipboard.writeText = () => Promise.reject(new Error("Failed to execute 'writeText'"));
      document.execCommand = () => false;
    });
    await page.click("#ring [data-copy=link]");
    await page.waitForSelector("#toast textarea");
    const said = await page.textContent("#toast");
    assert.match(said, hash.includes("zh") ? /自行复制/ : /Copy the text yourself/);
    assert.doesNotMatch(said, /Failed to execute/);
    const [value, marked] = await page.$eval("#toast textarea", (area) => [
      area.value,
      area.value.slice(area.selectionStart, area.selectionEnd),
    ]);
    assert.match(value, /#p=ring/);
    assert.equal(marked, value);
    await accessible(page, "a text to copy by hand");
    await page.context().close();
  }
});

test("a plain http page, which has no clipboard, copies all the same", async () => {
  const page = await site.open({ hash: "gallery.html", permissions: ["clipboard-read", "clipboard-write"] });
  await page.evaluate(() => {
    window.read = navigator.clipboard.readText.bind(navigator.clipboard);
    Object.defineProperty(navigator, "clipboard", { value: undefined });
  });
  await listen(page);
  await page.click("#ring [data-copy=link]");
  await page.waitForFunction(() => window.said);
  assert.equal(await page.evaluate(() => window.read()), `${site.origin}#p=ring`);
  await page.context().close();
});

test("what was read is ticked, and nonsense in the browser's storage is no harm", async () => {
  for (const [kept, ticks] of [
    ['["mmio","address-space"]', 2],
    ["{", 0],
    ['{"mmio":1}', 0],
    ["[1,null,{}]", 0],
    [`[${'"x",'.repeat(600)}"mmio"]`, 0],
  ]) {
    const page = await site.open({ hash: "gallery.html" });
    await page.evaluate((text) => localStorage.setItem("iommu-playground:done", text), kept);
    await page.reload();
    await page.waitForSelector("html[data-ready]");
    assert.equal(await page.locator(".path li[data-done]").count(), ticks, kept);
    assert.equal(/^2 of \d+/.test(await page.textContent("#progress")), ticks === 2);
    assert.deepEqual(page.errors, []);
    await page.context().close();
  }
});

test("links to the pages have a title, a sentence and a picture", async () => {
  for (const [file, lang] of [
    ["index.html", "en"],
    ["index.zh.html", "zh"],
    ["gallery.html", "en"],
    ["gallery.zh.html", "zh"],
  ]) {
    const page = await site.open({ hash: file, ready: false });
    const tags = await page.$$eval("meta[property], meta[name^=twitter]", (all) =>
      Object.fromEntries(all.map((m) => [m.getAttribute("property") ?? m.name, m.content])),
    );
    for (const tag of ["og:title", "og:description", "twitter:title", "twitter:description"])
      assert.ok(tags[tag]?.length > 8, `${file}: ${tag}`);
    assert.equal(tags["twitter:card"], "summary_large_image");
    assert.match(tags["og:image"], new RegExp(`preview\\.${lang}\\.png$`));
    const size = await page.evaluate(async (src) => {
      const image = document.createElement("img");
      image.src = src;
      await image.decode();
      return [image.naturalWidth, image.naturalHeight];
    }, tags["og:image"]);
    assert.deepEqual(size.map(String), [tags["og:image:width"], tags["og:image:height"]]);
    await page.context().close();
  }
});

test("the front has a page in Chinese, which begins in Chinese whatever the browser's language", async () => {
  const page = await site.open({ hash: "index.zh.html" });
  assert.equal(await page.getAttribute("html", "lang"), "zh-Hans");
  assert.match(await page.textContent("h1, .title"), /[\u3400-\u9fff]/);
  for (const file of ["index.html", "index.zh.html"]) {
    const text = await (await fetch(`${site.origin}${file}`)).text();
    const alternates = [...text.matchAll(/hreflang="([^"]*)" href="([^"]*)"/g)].map(([, lang, href]) => [
      lang,
      href,
    ]);
    assert.deepEqual(alternates.slice(0, 3), [
      ["x-default", "./"],
      ["en", "./"],
      ["zh", "index.zh.html"],
    ]);
    assert.doesNotMatch(text, /\{\{|<!--[A-Z]/);
  }
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test("with the folder's address given, previews have whole addresses; a wrong one is refused", async () => {
  const tags = (url) =>
    execFileSync(
      process.execPath,
      [
        "-e",
        `import("./tools/preview.mjs").then((m) => console.log(m.preview({lang:"en",title:"t",file:"gallery.html"})))`,
      ],
      {
        encoding: "utf8",
        env: { ...process.env, IOMMU_PLAYGROUND_URL: url },
        stdio: ["ignore", "pipe", "pipe"],
      },
    );
  const given = tags("https://example.org/play/");
  assert.match(given, /og:image" content="https:\/\/example\.org\/play\/preview\.en\.png"/);
  assert.match(given, /og:url" content="https:\/\/example\.org\/play\/gallery\.html"/);
  assert.doesNotMatch(tags(""), /og:url/);
  assert.throws(() => tags("example.org"));
  assert.throws(() => tags("file:///tmp/"));
});

test("without scripts all of it can be read", async () => {
  const page = await site.open({ hash: "gallery.html", javaScriptEnabled: false, ready: false });
  assert.equal(await page.locator(".card:visible").count(), said.scenarios.length);
  await page.context().close();
});

test("nothing is wider than the window, and axe finds nothing", async () => {
  for (const hash of PAGES)
    for (const width of [360, 1280])
      for (const theme of ["light", "dark"]) {
        const page = await site.open({ hash, width, theme });
        await unspilled(page, `${hash} ${width}`);
        await accessible(page, `${hash} ${width} ${theme}`);
        await page.context().close();
      }
});
