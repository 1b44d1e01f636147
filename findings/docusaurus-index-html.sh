#!/usr/bin/env bash
# A page that Docusaurus 3.10.2 built shows its content twice when it is opened by its file's name, /index.html.
#
# Seen: at `/` a page with one heading has one; at `/index.html`, which the same file is served for by every static host, its text is there
# twice, one below the other, once the page's script has run.
# What follows: links to a file, and sites opened by hosts that lead from `/` to `/index.html`, show everything double; what counts elements of
# a page counts wrong.
set -euo pipefail
dir=$(mktemp -d); trap '[ -z "${server:-}" ] || kill "$server"; rm -rf "$dir"' EXIT; cd "$dir"
site() {
  mkdir -p "$1/src/pages"
  printf '# The heading\n\nThe text.\n' >"$1/src/pages/index.md"
  cat >"$1/docusaurus.config.js" <<'JS'
module.exports = { title: "T", url: "http://x", baseUrl: "/", plugins: ["@docusaurus/plugin-content-pages"], themes: ["@docusaurus/theme-classic"] };
JS
  printf '{ "private": true, "overrides": { "webpack": "%s" } }\n' "$2" >"$1/package.json"
  (cd "$1" && npm install -E --no-audit --no-fund --no-progress --loglevel=error "@docusaurus/core@$1" "@docusaurus/theme-classic@$1" \
    "react@$3" "react-dom@$3" @mdx-js/react@3.1.1 >/dev/null &&
    DOCUSAURUS_NO_TELEMETRY=1 NO_UPDATE_NOTIFIER=1 node_modules/.bin/docusaurus build --no-minify >out.txt 2>&1)
}
site 3.10.2 5.113.0 19.2.0
mkdir browser && (cd browser && echo '{ "private": true }' >package.json &&
  npm install -E --no-audit --no-fund --loglevel=error puppeteer-core@24.30.0 >/dev/null)
cat >browser/count.js <<'JS'
const [, , port] = process.argv;
require("puppeteer-core").launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] }).then(async (browser) => {
  const page = await browser.newPage();
  const counts = [];
  for (const path of ["", "index.html"]) {
    await page.goto(`http://127.0.0.1:${port}/${path}`, { waitUntil: "networkidle0" });
    await new Promise((done) => setTimeout(done, 3000));
    counts.push(await page.$$eval("h1", (all) => all.length));
  }
  console.log(counts.join(" "));
  await browser.close();
});
JS
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
python3 -m http.server -d 3.10.2/build -b 127.0.0.1 "$port" >/dev/null 2>&1 & server=$!
sleep 2
counts=$(node browser/count.js "$port")
echo "headings at / and at /index.html: $counts"
[ "$counts" = "1 2" ]
echo "twice by its file's name: still so in Docusaurus 3.10.2"
