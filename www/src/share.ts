// What leaves the page: a link, a line for someone's documentation, the picture, the text, the trace.
import type { Depth } from "iommu-view";
import type { App } from "./app";
import { h } from "./dom";
import { present } from "./present";
import type { Key } from "./strings";

/** The page's own folder: where links lead, and where embeds load from. */
const here = () => new URL("./", location.href.split("#")[0]).href;

interface Taken {
  name: string;
  type: string;
  content: string | Blob;
}

/** Pictures in characters, as the core names them. */
const TEXTS: [form: string, label: string][] = [
  ["ascii", "ASCII"],
  ["unicode", "Unicode"],
  ["markdown", "Markdown"],
  ["rst", "reStructuredText"],
  ["c", "C"],
];
/** Cells across a picture that is pasted into a text. */
const WIDTH = 112;

/** Characters that act on what shows them: as references they are seen in the text that they are pasted into. A parser of HTML
    reads those of 0x80 to 0x9f as others, and none of 0. */
const ACTS = /(?![\0\n\t\u0080-\u009f])[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/gu;
const escaped = (text: string) =>
  text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replace(ACTS, (c) => `&#x${c.charCodeAt(0).toString(16)};`);

/** The browser did not let a text be copied. */
class NotCopied extends Error {}

async function copied(text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    throw new NotCopied();
  }
}

/** Hands a file to the reader. */
function save({ name, type, content }: Taken): void {
  const url = URL.createObjectURL(content instanceof Blob ? content : new Blob([content], { type }));
  h("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** An SVG text as a PNG of twice its size, for screens that show it large. */
async function png(svg: string): Promise<Blob> {
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg)}`;
  await image.decode();
  const canvas = h("canvas", { width: 2 * image.width, height: 2 * image.height });
  canvas.getContext("2d")?.drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((done, fail) =>
    canvas.toBlob((blob) => (blob ? done(blob) : fail(new Error("no PNG"))), "image/png"),
  );
}

class Share {
  readonly said = h("p.share-said", { role: "status" });
  private readonly here = h("input", { type: "checkbox", id: "share-here", checked: true });
  private readonly fields: [HTMLTextAreaElement, () => Promise<string>][] = [];

  constructor(private readonly app: App) {
    this.here.addEventListener("change", () => void this.fill());
  }
  private tell(text: string): void {
    this.said.textContent = text;
  }
  private get at(): number | null {
    const { position, course } = this.app.state;
    return this.here.checked && position !== course?.start ? position : null;
  }
  /** How far stops are opened, where that is not what a link without it means. */
  private get depth(): Depth | null {
    const { depth } = this.app.state;
    return depth === "idea" ? null : depth;
  }
  private theme(): "light" | "dark" {
    return getComputedStyle(document.documentElement).colorScheme === "dark" ? "dark" : "light";
  }

  private async fragment(whole: boolean): Promise<string> {
    const { good, lang } = this.app.state;
    const more = { lang: lang === "zh" ? "zh" : null };
    const { preset } = this.app.state;
    const link = await this.app.machine.ask("writeLink", good, whole ? null : preset, this.at, more);
    if (link === null) throw new Error(this.app.t("tooLongForLink"));
    return this.depth === null ? link : `${link}&depth=${this.depth}`;
  }
  private link = async () => here() + (await this.fragment(false));
  private wholeLink = async () => here() + (await this.fragment(true));
  private element = async () => {
    const { lang, good } = this.app.state;
    const at = `${this.at === null ? "" : ` at="${this.at}"`}${this.depth ? ` depth="${this.depth}"` : ""}`;
    const script = `<script defer src="${here()}embed.js"></script>\n`;
    const language = lang === "zh" ? ` lang="zh"` : "";
    // What a link needs no text for, an embed needs none for either.
    const named = new URLSearchParams((await this.fragment(false)).slice(1));
    const [preset, arch] = [named.get("p"), named.get("arch")];
    if (preset !== null) {
      const machine = arch === null ? "" : ` arch="${arch}"`;
      return `${script}<iommu-playground preset="${preset}"${machine}${at}${language}></iommu-playground>`;
    }
    return `${script}<iommu-playground${at}${language}>\n<pre>\n${escaped(good)}</pre>\n</iommu-playground>`;
  };
  private frame = async () => {
    const title = escaped(this.app.state.head?.title || "iommu-playground");
    const src = escaped(`${here()}embed.html${await this.fragment(false)}`);
    return `<iframe src="${src}" title="${title}" width="100%" height="560" loading="lazy"></iframe>`;
  };

  /** A text to copy. */
  field(label: Key, id: string, make: () => Promise<string>, rows: number): HTMLElement {
    const area = h("textarea", {
      id,
      rows,
      readonly: true,
      spellcheck: "false",
      wrap: rows > 1 ? "soft" : "off",
    });
    this.fields.push([area, make]);
    const copy = async () => {
      area.select();
      await copied(area.value).then(
        () => this.tell(this.app.t("copied")),
        () => this.tell(this.app.t("notCopied")),
      );
    };
    return h(
      "div.share-field",
      {},
      h("label", { for: id }, this.app.t(label)),
      area,
      h("button", { type: "button", id: `${id}-copy`, onclick: () => void copy() }, this.app.t("copy")),
    );
  }
  async fill(): Promise<void> {
    for (const [area, make] of this.fields)
      area.value = await make().catch((error: unknown) =>
        error instanceof Error ? error.message : String(error),
      );
  }

  links(): HTMLElement {
    return h(
      "section",
      {},
      h("h3", {}, this.app.t("shareLink")),
      h("label.share-check", {}, this.here, ` ${this.app.t("shareHere")}`),
      this.field("link", "share-link", this.link, 1),
      this.field("wholeLink", "share-whole", this.wholeLink, 1),
    );
  }
  embeds(): HTMLElement {
    return h(
      "section",
      {},
      h("h3", {}, this.app.t("shareEmbed")),
      this.field("element", "share-element", this.element, 3),
      this.field("frame", "share-frame", this.frame, 3),
    );
  }

  private get name(): string {
    return `${this.app.state.preset ?? "scenario"}-${this.app.state.position}`;
  }
  private draw(form: string): Promise<string> {
    const { position, lang } = this.app.state;
    return this.app.machine.ask("draw", 0, position, form, form === "svg" ? 0 : WIDTH, lang, this.theme());
  }
  private button(label: string, id: string, act: () => Promise<void>): HTMLElement {
    const run = () =>
      act().catch((error: unknown) =>
        this.tell(error instanceof NotCopied ? this.app.t("notCopied") : String(error)),
      );
    return h("button", { type: "button", id, onclick: () => void run() }, label);
  }
  pictures(): HTMLElement {
    const svg = async () =>
      save({ name: `${this.name}.svg`, type: "image/svg+xml", content: await this.draw("svg") });
    const bitmap = async () =>
      save({ name: `${this.name}.png`, type: "image/png", content: await png(await this.draw("svg")) });
    const paste = (form: string, label: string) => async () => {
      await copied(await this.draw(form));
      this.tell(`${label}${this.app.t("is")}${this.app.t("copiedText")}`);
    };
    return h(
      "section",
      {},
      h("h3", {}, this.app.t("sharePicture")),
      h(
        "p.share-row",
        {},
        h("span", {}, this.app.t("asFile")),
        this.button("SVG", "export-svg", svg),
        this.button("PNG", "export-png", bitmap),
      ),
      h(
        "p.share-row",
        {},
        h("span", {}, this.app.t("toPaste")),
        TEXTS.map(([form, label]) =>
          this.button(form === "c" ? this.app.t("cComment") : label, `export-${form}`, paste(form, label)),
        ),
      ),
    );
  }
  /** For a room and for paper: what moves, what prints, what fills the screen. */
  talks(present: () => void): HTMLElement {
    const { app } = this;
    const film = async (whole: boolean) => {
      const { course, position, way, lang } = app.state;
      const stop = way.at(-1)?.stop;
      const [from, to] = whole || !stop ? [0, 0] : [stop.from, Math.max(stop.to, position)];
      const content = await app.machine.ask("film", 0, from, to, lang, this.theme());
      const name = `${app.state.preset ?? "scenario"}-${whole ? "ideas" : `${from}-${to}`}.svg`;
      save({ name, type: "image/svg+xml", content });
      if (course) this.tell(app.t("filmSaved"));
    };
    const page = async () => {
      const content = await app.machine.ask("handout", 0, app.state.lang);
      save({ name: `${app.state.preset ?? "scenario"}-${app.state.lang}.html`, type: "text/html", content });
    };
    return h(
      "section",
      {},
      h("h3", {}, app.t("shareTalk")),
      h(
        "p.share-row",
        {},
        this.button(app.t("filmIdeas"), "export-film", () => film(true)),
        this.button(app.t("filmStop"), "export-film-stop", () => film(false)),
        this.button(app.t("handout"), "export-handout", page),
        h("button", { type: "button", id: "present", onclick: present }, app.t("present")),
      ),
    );
  }
  files(): HTMLElement {
    const text = async () =>
      save({
        name: `${this.app.state.preset ?? "scenario"}.scn`,
        type: "text/plain",
        content: this.app.state.good,
      });
    const trace = async () => {
      const content = await this.app.machine.ask("traceJson", 0, this.app.state.lang);
      save({ name: `${this.app.state.preset ?? "scenario"}-trace.json`, type: "application/json", content });
    };
    return h(
      "section",
      {},
      h("h3", {}, this.app.t("shareFiles")),
      h(
        "p.share-row",
        {},
        this.button(this.app.t("scenarioFile"), "export-scenario", text),
        this.button(this.app.t("traceFile"), "export-trace", trace),
      ),
    );
  }
}

/** The button of the page's head, and the dialog that it opens. */
export function share(app: App): { button: HTMLElement; dialog: HTMLDialogElement } {
  const parts = new Share(app);
  const dialog = h(
    "dialog.sheet.share",
    { id: "share", "aria-labelledby": "share-heading" },
    h("h2", { id: "share-heading" }, app.t("share")),
    parts.links(),
    parts.embeds(),
    parts.pictures(),
    parts.talks(() => {
      dialog.close();
      present(true);
    }),
    parts.files(),
    parts.said,
    h("form", { method: "dialog" }, h("button", {}, app.t("close"))),
  );
  const open = () => {
    parts.said.textContent = "";
    dialog.showModal();
    void parts.fill();
  };
  const button = h("button", { type: "button", id: "share-open", onclick: open }, app.t("share"));
  return { button, dialog };
}
