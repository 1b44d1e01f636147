"""A Sphinx extension: `.. iommu-playground:: PRESET`, or with a scenario as its content; MyST takes it as a directive, too."""

import hashlib
import os
import posixpath

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

from . import __version__, figures

log = logging.getLogger(__name__)


class playground(nodes.General, nodes.Element):
    """A figure; `want` is what it was made from."""


class Playground(SphinxDirective):
    optional_arguments = 1
    has_content = True
    option_spec = {name: directives.unchanged for name in figures.OPTIONS}
    option_spec["file"] = directives.unchanged_required

    def run(self):
        if not self.config.iommu_playground_origin:
            message = "iommu_playground_origin in conf.py must say where the playground's files are"
            return self._failed(self.env.doc2path(self.env.docname), self.lineno, message)
        want = {name: value for name, value in self.options.items() if name != "file"}
        path, offset = self.env.doc2path(self.env.docname), self.content_offset
        if offset < self.lineno:
            # MyST counts from the directive, docutils from the document's beginning.
            offset += self.lineno
        if "file" in self.options:
            relative, path = self.env.relfn2path(self.options["file"])
            self.env.note_dependency(relative)
            offset = 0
            try:
                with open(path, encoding="utf-8") as file:
                    want["scenario"] = file.read()
            except (OSError, UnicodeDecodeError) as error:
                return self._failed(self.env.doc2path(self.env.docname), self.lineno, f"{path}: {error}")
        elif self.content:
            want["scenario"] = "\n".join(self.content) + "\n"
        if self.arguments:
            want["preset"] = self.arguments[0].strip()
        if ("preset" in want) == ("scenario" in want):
            return self._failed(path, self.lineno, "one of a preset's name, a scenario as content, or :file: is needed")
        # The document's language, unless the figure has its own.
        if "lang" not in want and (self.config.language or "").startswith("zh"):
            want["lang"] = "zh"
        try:
            figure = maker(self.env.app).figure(**want)
        except figures.Wrong as wrong:
            return self._failed(path, offset + wrong.line if wrong.line else self.lineno, str(wrong))
        for warning in figure["warnings"] + figure["stopped"]:
            line = offset + warning["line"] if "scenario" in want else self.lineno
            log.warning("%s", warning["message"], location=f"{path}:{line}", type="iommu-playground", subtype="expect")
        node = playground()
        node["figure"], node["want"] = figure, want
        self.set_source_info(node)
        return [node]

    def _failed(self, path, line, message):
        """Says what is wrong; the build goes on, so that all of it is said, and then fails."""
        log.error("%s", message, location=f"{path}:{line}", type="iommu-playground")
        self.env.app.iommu_playground_failed = True
        return []


class OnPaper(SphinxPostTransform):
    """Where no script runs, a figure is its picture as text, what it shows, and where it lives."""

    default_priority = 10

    def run(self, **kwargs):
        if self.app.builder.format == "html":
            return
        for node in list(self.document.findall(playground)):
            figure = node["figure"]
            picture = nodes.literal_block(figure["text"], figure["text"].rstrip("\n"), language="none")
            said = nodes.paragraph("", figures.alt(figure))
            out = [picture, said]
            there = figures.link(figure, self.config.iommu_playground_origin)
            if there and len(there) < 400:
                said += nodes.Text(" ")
                said += nodes.reference("", self.config.iommu_playground_origin, refuri=there)
            node.replace_self(out)


def check_links(app, doctree):
    """Looks where links to the playground lead, that a document has beside its figures."""
    origin = app.config.iommu_playground_origin
    pattern = figures.ours(origin) if origin else None
    for node in doctree.findall(nodes.reference) if pattern else ():
        address = node.get("refuri", "")
        if not pattern.fullmatch(address):
            continue
        source, line = get_source_line(node)

        def complain(message, fatal):
            place = f"{source or app.env.doc2path(app.env.docname)}:{line or 1}"
            if fatal:
                log.error("%s", message, location=place, type="iommu-playground")
                app.iommu_playground_failed = True
            else:
                log.warning("%s", message, location=place, type="iommu-playground", subtype="link")

        lang = "zh" if (app.config.language or "").startswith("zh") else None
        figures.check(maker(app), address, complain, lang)


def get_source_line(node):
    """Returns the file and the line of a node, or of what is around it."""
    while node is not None and not node.line:
        node = node.parent
    return (node.source, node.line) if node is not None else (None, None)


def visit_html(self, node):
    figure = node["figure"]
    if self.builder.name == "epub":
        # Not every reader of books knows style sheets with custom properties.
        figure = maker(self.builder.app).figure(colours="light", **node["want"])
    name = "iommu-playground-" + hashlib.sha256(figure["svg"].encode()).hexdigest()[:16] + ".svg"
    folder = os.path.join(self.builder.outdir, self.builder.imagedir)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
        file.write(figure["svg"])
    image = posixpath.join(self.builder.imgpath, name)
    origin = self.config.iommu_playground_origin
    if self.builder.name == "epub":
        # Books run no script of ours.
        said = figures.escape(figures.alt(figure))
        self.body.append(f'<p><img src="{figures.escape(image)}" alt="{said}" /></p><p>{said}</p>')
    else:
        self.body.append(figures.element(figure, image, origin, **node["want"]))
    raise nodes.SkipNode


def maker(app):
    """Returns what makes the figures of this build."""
    if not hasattr(app, "iommu_playground_figures"):
        cache = os.path.join(app.doctreedir, figures.CACHE)
        app.iommu_playground_figures = figures.Figures(app.config.iommu_playground_command, cache)
    return app.iommu_playground_figures


def close(app, exception):
    if getattr(app, "iommu_playground_failed", False):
        app.statuscode = 1
    if hasattr(app, "iommu_playground_figures"):
        app.iommu_playground_figures.close()


def add_script(app, pagename, templatename, context, doctree):
    """Only pages with a figure load the script."""
    if app.builder.name != "epub" and doctree is not None and next(iter(doctree.findall(playground)), None):
        app.add_js_file(figures.script(app.config.iommu_playground_origin), loading_method="defer")


def setup(app):
    app.require_sphinx("5.0")
    app.add_config_value("iommu_playground_origin", "", "env")
    app.add_config_value("iommu_playground_command", figures.COMMAND, "env")
    app.add_node(playground, html=(visit_html, None))
    app.add_directive("iommu-playground", Playground)
    app.add_post_transform(OnPaper)
    app.connect("doctree-read", check_links)
    app.connect("html-page-context", add_script)
    app.connect("build-finished", close)
    # The process that makes figures belongs to one process of Sphinx.
    return {"version": __version__, "parallel_read_safe": False, "parallel_write_safe": False}
