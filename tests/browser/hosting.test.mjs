// The host configurations of docs/hosting, each in the server itself: types, caching, and the page that runs under the policy that it
// carries, since none of these hosts sends one.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, before, test } from "node:test";
import { meta, POLICY } from "../../tools/policy.mjs";
import { start } from "./browser.mjs";

const DIST = resolve("dist");
const BUILD = JSON.parse(readFileSync("dist/build.json", "utf8")).build;
const VERSION = readdirSync("dist/v")[0];

let site;
before(async () => (site = await start()));
after(async () => site.close());

const free = () =>
  new Promise((done) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => done(port));
    });
  });

/** A configuration of docs/hosting, for another port and folder. */
const configured = (name, port) =>
  readFileSync(`docs/hosting/${name}`, "utf8")
    .replaceAll("/srv/www/iommu-playground", DIST)
    .replace("listen 80;", `listen 127.0.0.1:${port};`)
    .replace("<VirtualHost *:80>", `<VirtualHost 127.0.0.1:${port}>`);

const MODULES = ["mpm_event", "authz_core", "dir", "mime", "headers", "filter", "deflate"];
const HOSTS = {
  nginx: {
    program: ["/usr/sbin/nginx", "/usr/bin/nginx"],
    args: (folder, port) => {
      const site = configured("nginx.conf", port).replace(
        "include mime.types;",
        "include /etc/nginx/mime.types;",
      );
      const paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
        (p) => `${p}_temp_path ${folder}/${p};`,
      );
      writeFileSync(
        join(folder, "nginx.conf"),
        `daemon off; user root; pid ${folder}/pid; error_log ${folder}/errors; events {}
http { access_log off; ${paths.join(" ")}\n${site}\n}\n`,
      );
      return ["-p", folder, "-c", join(folder, "nginx.conf")];
    },
  },
  Apache: {
    program: ["/usr/sbin/apache2", "/usr/sbin/httpd"],
    args: (folder, port) => {
      const load = MODULES.map((m) => `LoadModule ${m}_module /usr/lib/apache2/modules/mod_${m}.so`);
      writeFileSync(join(folder, "mime.types"), "text/html html\ntext/css css\n");
      writeFileSync(
        join(folder, "apache.conf"),
        `ServerRoot ${folder}\nServerName localhost\nListen 127.0.0.1:${port}\nPidFile ${folder}/pid\nErrorLog ${folder}/errors
Mutex file:${folder}\nTypesConfig ${folder}/mime.types\n${configured("apache.conf", port)}`.replace(
          /^(?=TypesConfig)/m,
          `${load.join("\n")}\n`,
        ),
      );
      return ["-f", join(folder, "apache.conf"), "-DFOREGROUND"];
    },
  },
  "a static host": {
    program: ["/usr/bin/python3"],
    args: (folder, port) => ["-m", "http.server", "-d", DIST, "-b", "127.0.0.1", String(port)],
    plain: true,
  },
};

async function running(name, t) {
  const { program, args } = HOSTS[name];
  const [port, folder] = [await free(), mkdtempSync(join(tmpdir(), "hosting-"))];
  mkdirSync(join(folder, "logs"));
  const env = { ...process.env, APACHE_RUN_DIR: folder, APACHE_LOCK_DIR: folder, APACHE_LOG_DIR: folder };
  const child = spawn(program.find(existsSync), args(folder, port), {
    stdio: ["ignore", "ignore", "pipe"],
    env,
  });
  let said = "";
  child.stderr.on("data", (data) => (said += data));
  t.after(async () => {
    const ended = new Promise((done) => child.on("exit", done));
    if (child.exitCode === null) {
      child.kill("SIGTERM");
      await ended;
    }
    rmSync(folder, { recursive: true, force: true });
  });
  const origin = `http://127.0.0.1:${port}/`;
  for (let tries = 0; tries < 100; tries++) {
    if (child.exitCode !== null) break;
    try {
      await fetch(origin);
      return origin;
    } catch {
      await new Promise((done) => setTimeout(done, 100));
    }
  }
  const errors = existsSync(join(folder, "errors")) ? readFileSync(join(folder, "errors"), "utf8") : "";
  throw new Error(`${name} did not start: ${said} ${errors}`);
}

for (const [name, { program, plain }] of Object.entries(HOSTS)) {
  const skip = program.some(existsSync) ? false : `${name} is not installed`;
  test(`${name}: types, caching, and the page with its own policy`, { skip }, async (t) => {
    const origin = await running(name, t);
    const head = async (path, headers = {}) => {
      const response = await fetch(origin + path, { headers });
      await response.arrayBuffer();
      assert.ok(response.ok || response.status === 304, `${path}: ${response.status}`);
      return response;
    };
    const wasm = `b/${BUILD}/iommu_bg.wasm`;
    for (const [path, type] of [
      ["", /^text\/html/],
      ["embed.js", /^(text|application)\/javascript/],
      [wasm, /^application\/wasm$/],
      ["icon.svg", /^image\/svg\+xml/],
      ["build.json", /^application\/json/],
    ]) {
      const response = await head(path);
      assert.match(response.headers.get("content-type"), type, path);
      // The page's own policy is the only one.
      assert.equal(response.headers.get("content-security-policy"), null);
      if (plain) continue;
      const immutable = path.startsWith("b/");
      assert.equal(
        response.headers.get("cache-control"),
        immutable ? "public, max-age=31536000, immutable" : "no-cache",
        path,
      );
      assert.equal(response.headers.get("x-content-type-options"), "nosniff");
      assert.equal(response.headers.get("cross-origin-resource-policy"), "cross-origin");
      // What is large is compressed.
      if (/^$|wasm$/.test(path)) assert.equal(response.headers.get("content-encoding"), "gzip", path);
      if (!immutable) {
        const tag = response.headers.get("etag") ?? response.headers.get("last-modified");
        assert.ok(tag, `${path} can be looked at anew`);
      }
    }
    if (!plain) {
      assert.match((await head(`v/${VERSION}/embed.js`)).headers.get("cache-control"), /immutable/);
      assert.equal((await fetch(`${origin}b/`)).ok, false);
    }

    // The page steps, and what its policy forbids is refused though no header says so.
    const page = await site.open({ ready: false, hash: null });
    await page.goto(`${origin}#p=howto`);
    await page.waitForSelector("html[data-ready]", { timeout: 30000 });
    await page.locator("#step").first().click();
    const refused = await page.evaluate(async () => {
      const violated = new Promise((done) =>
        document.addEventListener("securitypolicyviolation", (e) => done(e.effectiveDirective), {
          once: true,
        }),
      );
      const script = document.createElement("script");
      script.textContent = "window.inline = true";
      document.head.append(script);
      const directive = await violated;
      let evaluated = true;
      try {
        (0, eval)("1");
      } catch {
        evaluated = false;
      }
      return { directive, evaluated, inline: window.inline === true };
    });
    assert.deepEqual(refused, { directive: "script-src-elem", evaluated: false, inline: false });
    // The page in one file has a policy of its own, which a host's would break: no host sends one.
    await page.goto(`${origin}iommu-playground.html`);
    await page.waitForSelector("html[data-ready]", { timeout: 30000 });
    await page.context().close();
  });
}

test("each page carries the policy that tools/serve.mjs sends, before all that is loaded", () => {
  const pages = readdirSync("dist").filter(
    (name) => name.endsWith(".html") && name !== "iommu-playground.html",
  );
  assert.ok(pages.length >= 6, `${pages}`);
  for (const path of [...pages, `v/${VERSION}/embed.html`, "npm/embed.html"]) {
    const text = readFileSync(join("dist", path), "utf8");
    const at = text.indexOf(meta(POLICY));
    assert.ok(at > 0, path);
    const loads = text.search(/<(script|link|style|img)[\s>]/);
    assert.ok(loads < 0 || at < loads, `${path}: something is loaded before its policy`);
  }
});

test("the workflow for GitHub Pages builds by the one command there is", () => {
  const text = readFileSync("docs/hosting/github-pages.yml", "utf8");
  const parsed = spawnSync(
    process.env.IOMMU_PLAY_DOCS_TOOLS ? join(process.env.IOMMU_PLAY_DOCS_TOOLS, "python") : "python3",
    ["-c", "import sys, yaml, json; print(json.dumps(yaml.safe_load(sys.stdin)))"],
    { input: text, encoding: "utf8" },
  );
  if (parsed.status === 0) {
    const { jobs } = JSON.parse(parsed.stdout);
    const runs = jobs.build.steps.map((step) => step.run).filter(Boolean);
    assert.equal(runs.at(-1), "./build.sh dist");
    assert.equal(jobs.build.steps.at(-1).with.path, "dist");
    assert.equal(jobs.deploy.needs, "build");
  }
  assert.match(readFileSync("build.sh", "utf8"), /^ {2}dist\) dist ;;$/m);
});
