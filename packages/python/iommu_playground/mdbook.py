"""An mdBook preprocessor: fences named iommu-playground become living figures in HTML, pictures as text elsewhere."""

import json
import os
import sys

from . import figures

OLDEST = (0, 4)


def chapters(items):
    """Yields every chapter below; a book's list has had two names."""
    for item in items:
        chapter = item.get("Chapter") if isinstance(item, dict) else None
        if chapter:
            yield chapter
            yield from chapters(chapter.get("sub_items", ()))


def main():
    if len(sys.argv) > 1 and sys.argv[1] == "supports":
        return 0
    for stream in (sys.stdin, sys.stdout):
        stream.reconfigure(encoding="utf-8")
    context, book = json.load(sys.stdin)
    version = context.get("mdbook_version", "0.0.0")
    if tuple(int(number) for number in version.split(".")[:2]) < OLDEST:
        print(f"error: mdBook {version} is not supported; {OLDEST[0]}.{OLDEST[1]} or later is needed", file=sys.stderr)
        return 1
    settings = context["config"].get("preprocessor", {}).get("iommu-playground", {})
    origin = settings.get("origin")
    if not origin:
        print("error: `origin` below [preprocessor.iommu-playground] must say where the playground's files are", file=sys.stderr)
        return 1
    living = context["renderer"] == "html"
    cache = os.path.join(context["root"], figures.CACHE)
    maker = figures.Figures(settings.get("tool", figures.COMMAND), cache)
    failed = False
    for chapter in chapters(book.get("sections") or book.get("items") or ()):

        def complain(line, message, fatal):
            nonlocal failed
            failed = failed or fatal
            kind = "error" if fatal else "warning"
            print(f"{kind}: {chapter.get('source_path') or chapter['name']}:{line}: {message}", file=sys.stderr)

        text = chapter["content"]
        out = figures.in_markdown(text, maker, origin, living, complain)
        if living and out != text:
            out += f'\n\n<script defer src="{figures.escape(figures.script(origin))}"></script>\n'
        chapter["content"] = out
    maker.close()
    if failed:
        return 1
    json.dump(book, sys.stdout, ensure_ascii=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
