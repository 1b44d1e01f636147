"""A MkDocs plugin: fences named iommu-playground become living figures."""

import os

from mkdocs.config import config_options
from mkdocs.exceptions import PluginError
from mkdocs.plugins import BasePlugin

try:
    from mkdocs.plugins import get_plugin_logger
except ImportError as error:
    raise PluginError("iommu-playground: this MkDocs is not supported; 1.5 or later is needed") from error

from . import figures

log = get_plugin_logger(__name__)


class Plugin(BasePlugin):
    config_scheme = (
        ("origin", config_options.Type(str)),
        ("tool", config_options.Type(str, default=figures.COMMAND)),
    )

    def on_config(self, config):
        if not self.config["origin"]:
            raise PluginError("iommu-playground: `origin` must say where the playground's files are")
        cache = os.path.join(os.path.dirname(config["config_file_path"] or "."), figures.CACHE)
        self.figures = figures.Figures(self.config["tool"], cache)

    def on_page_markdown(self, markdown, page, config, files):
        # Lines of metadata above the text are not in it any more.
        with open(page.file.abs_src_path, encoding="utf-8-sig", errors="replace") as file:
            above = max(file.read().count("\n") - markdown.count("\n"), 0)

        def complain(line, message, fatal):
            place = f"{page.file.src_path}:{line + above}: {message}"
            if fatal:
                raise PluginError(f"iommu-playground: {place}")
            log.warning(place)

        out = figures.in_markdown(markdown, self.figures, self.config["origin"], True, complain)
        if out != markdown:
            out += f'\n\n<script defer src="{figures.escape(figures.script(self.config["origin"]))}"></script>\n'
        return out

    def on_post_build(self, config):
        self.figures.close()
