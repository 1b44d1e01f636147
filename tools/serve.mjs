// Serves a folder on 127.0.0.1, on the port asked for or the next free one, and prints the URL.
import { createReadStream, statSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join, normalize, resolve, sep } from "node:path";
import { POLICY } from "./policy.mjs";

const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".mjs": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".json": "application/json; charset=utf-8",
  ".wasm": "application/wasm",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".txt": "text/plain; charset=utf-8",
  ".scn": "text/plain; charset=utf-8",
  ".map": "application/json",
};

/** Served without a policy: it carries its own, which allows the scripts inside it. */
const OWN_POLICY = /(^|[/\\])iommu-playground\.html$/;
/** The files of a build never change. */
const BUILD = /^\/b\/[0-9a-f]{16}\//;

/** Serves `folder`; resolves to the server once it listens. */
export function serve(folder, port, { policy = POLICY, tries = 50 } = {}) {
  const root = resolve(folder);
  const server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url, "http://localhost").pathname);
    let file = normalize(join(root, path));
    if (file !== root && !file.startsWith(root + sep)) {
      response.writeHead(403).end();
      return;
    }
    try {
      if (statSync(file).isDirectory()) file = join(file, "index.html");
      statSync(file);
    } catch {
      response.writeHead(404, { "content-type": "text/plain" }).end("not found\n");
      return;
    }
    const headers = {
      "content-type": TYPES[extname(file)] ?? "application/octet-stream",
      "cache-control": BUILD.test(path) ? "public, max-age=31536000, immutable" : "no-cache",
    };
    if (policy && !OWN_POLICY.test(file)) headers["content-security-policy"] = policy;
    response.writeHead(200, headers);
    createReadStream(file).pipe(response);
  });
  return new Promise((done, fail) => {
    server.on("error", (error) => {
      if (error.code === "EADDRINUSE" && tries-- > 0) server.listen(++port, "127.0.0.1");
      else fail(error);
    });
    server.on("listening", () => done(server));
    server.listen(port, "127.0.0.1");
  });
}

if (import.meta.url === `file://${process.argv[1]}`) {
  const server = await serve(process.argv[2] ?? "dist", Number(process.argv[3] ?? 8080));
  console.log(`iommu-playground is at http://127.0.0.1:${server.address().port}/`);
}
