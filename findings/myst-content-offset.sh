#!/usr/bin/env bash
# A directive's content_offset counts from another line in myst-parser 5.2.0 than in docutils 0.22 (Sphinx 9.0.4).
#
# Seen: a directive whose content begins at line 13 of a file is given, in reStructuredText, content_offset 12 (lines of the document before
# the content); in Markdown read by MyST, with the same content at the same line, content_offset 0 (lines of the directive's own content before it).
# `lineno` is of the document in both.
# What follows: a directive that says where in its content something is wrong, as docutils' own do, names a line near the top of a Markdown
# file, and the right one in reStructuredText.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv env
env/bin/pip install -q sphinx==9.0.4 myst-parser==5.2.0 docutils==0.22.3
mkdir book
cat >book/conf.py <<'PY'
from docutils.parsers.rst import Directive
extensions = ["myst_parser"]
class Where(Directive):
    has_content = True
    def run(self):
        print("seen", self.state_machine.document["source"].rsplit("/")[-1], self.lineno, self.content_offset, flush=True)
        return []
def setup(app):
    app.add_directive("where", Where)
PY
printf 'In rst\n======\n\n\n\n\n\n\n\n\n.. where::\n\n   content\n' >book/index.rst
printf '# In MyST\n\n\n\n\n\n\n\n\n\n\n```{where}\ncontent\n```\n' >book/other.md
[ "$(grep -n content book/index.rst | cut -d: -f1)" = 13 ] && [ "$(grep -n content book/other.md | cut -d: -f1)" = 13 ]
env/bin/python -m sphinx -q -b html book out 2>/dev/null | grep '^seen' | sort >seen.txt
cat seen.txt
grep -qx 'seen index.rst 11 12' seen.txt
grep -qx 'seen other.md 12 0' seen.txt
echo "two ways to count: still so in myst-parser 5.2.0"
