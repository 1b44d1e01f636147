// Another site than ours, for pages that embed the playground.
import { createServer } from "node:http";

/** Starts it, empty. */
export async function elsewhere() {
  const pages = new Map();
  const server = createServer((request, response) => {
    const [body, headers] = pages.get(request.url) ?? ["not found", {}];
    response
      .writeHead(pages.has(request.url) ? 200 : 404, { "content-type": "text/html", ...headers })
      .end(body);
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  return {
    /** Puts a page there; where it is. */
    put(html, headers = {}) {
      const path = `/page-${pages.size}.html`;
      pages.set(path, [html, headers]);
      return `http://127.0.0.1:${server.address().port}${path}`;
    },
    close: () => server.close(),
  };
}
