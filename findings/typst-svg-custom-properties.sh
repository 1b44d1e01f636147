#!/usr/bin/env bash
# Typst 0.15.2 (PyPI) draws an SVG black whose style sheet takes colours from custom properties, though each shape has its colour as an
# attribute, too.
#
# Seen: `<rect fill="#ffe000"/>` below `.a{fill:var(--a,#ffe000)}` is #ffe000 in browsers, which know custom properties, and should be so
# in a program that does not: a declaration that it cannot read leaves the attribute. Typst takes the declaration, cannot read its value and
# falls back to the initial fill, black; librsvg 2.54.7 (Debian 12; looked at where it is installed) draws the attribute's colour.
# What follows: pictures that follow a page's theme come out as black boxes in a PDF, without a warning.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv env
env/bin/pip install -q typst==0.15.2 pillow==12.0.0
svg() {
  printf '<svg xmlns="http://www.w3.org/2000/svg" width="20" height="20" viewBox="0 0 20 20"><style>.a{fill:%s}</style>' "$1"
  printf '<rect class="a" width="20" height="20" fill="#ffe000"/></svg>\n'
}
svg 'var(--a,#ffe000)' >var.svg
svg '#ffe000' >plain.svg
for name in var plain; do
  printf '#set page(width: 20pt, height: 20pt, margin: 0pt)\n#image("%s.svg", width: 20pt)\n' "$name" >"$name.typ"
done
colour() { env/bin/python -c 'import sys; from PIL import Image; print("#%02x%02x%02x" % Image.open(sys.argv[1]).convert("RGB").getpixel((10, 10)))' "$1"; }
env/bin/python -c 'import typst; [typst.compile(n + ".typ", output=n + ".png", ppi=72.0) for n in ("var", "plain")]'
echo "typst: plain $(colour plain.png), with a custom property $(colour var.png)"
[ "$(colour plain.png)" = "#ffe000" ]
[ "$(colour var.png)" = "#000000" ]
if command -v rsvg-convert >/dev/null && rsvg-convert --version | grep -q '2\.54\.7'; then
  rsvg-convert var.svg -o rsvg.png
  echo "librsvg: with a custom property $(colour rsvg.png)"
  [ "$(colour rsvg.png)" = "#ffe000" ]
fi
echo "black: still so in typst 0.15.2"
