#!/usr/bin/env bash
# Docusaurus 3.0.0, installed as it asks to be, builds no site any more: it takes any webpack 5, and reaches into it for a file that
# webpack 5.113.0 does not have.
#
# Seen: "Cannot find module 'webpack/lib/ContextReplacementPlugin'", from the classic theme, which the message of the build calls a module that
# "could not be loaded". With webpack held at 5.89.0, the newest when Docusaurus 3.0.0 was made, the same site builds.
# What follows: a project without a lock file that stays on an old minor version of Docusaurus breaks by itself.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
mkdir -p src/pages
echo '# A page' >src/pages/index.md
cat >docusaurus.config.js <<'JS'
module.exports = { title: "T", url: "http://x", baseUrl: "/", plugins: ["@docusaurus/plugin-content-pages"], themes: ["@docusaurus/theme-classic"] };
JS
build() {
  rm -rf node_modules package-lock.json build
  printf '{ "private": true, "overrides": { "webpack": "%s" } }\n' "$1" >package.json
  npm install -E --no-audit --no-fund --no-progress --loglevel=error @docusaurus/core@3.0.0 @docusaurus/theme-classic@3.0.0 \
    react@18.2.0 react-dom@18.2.0 @mdx-js/react@3.0.0 >/dev/null
  DOCUSAURUS_NO_TELEMETRY=1 NO_UPDATE_NOTIFIER=1 node_modules/.bin/docusaurus build --no-minify >"$1.out" 2>&1
}
! build 5.113.0
grep -m 1 "Cannot find module 'webpack/lib/ContextReplacementPlugin'" 5.113.0.out
build 5.89.0
test -s build/index.html
echo "does not build with webpack 5.113.0, builds with 5.89.0: still so in Docusaurus 3.0.0"
