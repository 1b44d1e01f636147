"""Pictures, sentences and links, from one process of `iommu-play figures` for a whole document, cached by content."""

import base64
import hashlib
import html
import json
import os
import re
import shutil
import subprocess

COMMAND = "iommu-play"
CACHE = ".iommu-playground-cache"
# Attributes of the element that documents may set; the first three also choose the still picture.
OPTIONS = ("at", "arch", "lang", "view", "depth", "controls", "theme")
# Text that is wider than this does not fit a line of a book.
WIDTH = 78


class Wrong(Exception):
    """What is wrong with a figure: the line within its text (0: none), and why."""

    def __init__(self, message, line=0):
        super().__init__(message)
        self.line = line


class Figures:
    """Makes figures; one process for all of them."""

    def __init__(self, command=COMMAND, cache=CACHE):
        self.command = command
        self.cache = cache
        self.process = None
        self.version = None

    def close(self):
        """Ends the process, if there is one."""
        if self.process:
            self.process.stdin.close()
            self.process.wait()
            self.process.stdout.close()
            self.process = None

    def figure(self, preset=None, scenario=None, colours=None, **options):
        """Returns the figure of a preset or a scenario as a dictionary, in `colours` that the reader does not choose; raises Wrong."""
        request = {"width": WIDTH}
        if colours:
            request["theme"] = colours
        request.update({"preset": preset} if preset else {"scenario": scenario or ""})
        request.update({k: v for k, v in options.items() if k in ("at", "arch", "lang") and v})
        return self._answer(request)

    def link(self, address, lang=None):
        """Returns what a link to the playground opens, with what is passed over of it; raises Wrong where it opens nothing."""
        return self._answer({"link": address, **({"lang": lang} if lang else {})})

    def _answer(self, request):
        line = json.dumps(request, sort_keys=True)
        answer = self._known(line) or self._asked(line)
        for error in answer.get("errors", ()):
            # The message of a scenario's line begins with its place, which the caller says with the document's.
            raise Wrong(re.sub(r"^\d+:\d+: ", "", error["message"]), error["line"])
        return answer

    def _run(self):
        if self.process is None:
            try:
                self.process = subprocess.Popen(
                    [self.command, "figures"],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    encoding="utf-8",
                )
            except OSError as error:
                raise Wrong(
                    f"{self.command} does not start ({error.strerror}): install iommu-play, or name it in the settings"
                ) from error
        return self.process

    def _asked(self, line):
        process = self._run()
        try:
            process.stdin.write(line + "\n")
            process.stdin.flush()
            answer = process.stdout.readline()
        except OSError:
            answer = ""
        if not answer:
            self.process = None
            raise Wrong(f"{self.command} ended without an answer: does this version know `figures`?")
        answer = json.loads(answer)
        if "errors" not in answer:
            self._keep(line, answer)
        return answer

    def _place(self, line):
        if self.version is None:
            try:
                said = subprocess.run([self.command, "--version"], capture_output=True, encoding="utf-8", check=False)
                # A tool that was built anew may draw otherwise under the same version.
                path = shutil.which(self.command)
                self.version = f"{said.stdout.strip()} {os.stat(path).st_mtime_ns if path else 0}"
            except OSError:
                self.version = ""
        name = hashlib.sha256(f"{self.version}\n{line}".encode()).hexdigest()[:32]
        return os.path.join(self.cache, name + ".json")

    def _known(self, line):
        if not self.cache:
            return None
        try:
            with open(self._place(line), encoding="utf-8") as file:
                return json.load(file)
        except (OSError, ValueError):
            return None

    def _keep(self, line, answer):
        if not self.cache:
            return
        try:
            os.makedirs(self.cache, exist_ok=True)
            place = self._place(line)
            with open(place + ".new", "w", encoding="utf-8") as file:
                json.dump(answer, file)
            os.replace(place + ".new", place)
        except OSError:
            # A cache that cannot be written only costs time.
            pass


def alt(figure):
    """Returns what a picture shows, in words."""
    return " ".join(part for part in (figure["sentence"], figure["outcome"]) if part) or figure["title"]


def link(figure, origin):
    """Returns the address that opens the figure in the playground; empty where the scenario is too long for one."""
    return origin.rstrip("/") + "/" + figure["fragment"] if figure.get("fragment") else ""


def element(figure, image, origin, preset=None, scenario=None, **options):
    """Returns the living element as HTML, with its still picture (the address `image`) for readers without script."""
    attributes = {"preset": preset} if preset else {"scenario": scenario}
    attributes.update({k: v for k, v in options.items() if k in OPTIONS and v})
    attributes.setdefault("at", "end")
    # One line: what follows an empty line is Markdown again.
    said = "".join(f' {name}="{escape(str(value))}"' for name, value in attributes.items())
    picture = f'<img src="{escape(image)}" alt="{escape(alt(figure))}">'
    there = link(figure, origin)
    if there:
        picture = f'<a href="{escape(there)}">{picture}</a>'
    return f"<iommu-playground{said}>{picture}</iommu-playground>"


def escape(text):
    """Returns a text as an attribute's value, on one line."""
    return html.escape(text).replace("\n", "&#10;").replace("\r", "")


def script(origin):
    """Returns the address of the script that brings the element to life."""
    return origin.rstrip("/") + "/embed.js"


FENCE = re.compile(r"^( {0,3})(`{3,}|~{3,})[ ]*([^\n`]*)$")


def blocks(text):
    """Yields the fences of a Markdown text: first line, line after the last, words, body."""
    lines = text.split("\n")
    at = 0
    while at < len(lines):
        opened = FENCE.match(lines[at].rstrip("\r"))
        if not opened:
            at += 1
            continue
        mark, words = opened.group(2), opened.group(3).split()
        close = re.compile(r"^ {0,3}" + re.escape(mark[0]) + "{" + str(len(mark)) + r",}\s*$")
        end = at + 1
        while end < len(lines) and not close.match(lines[end]):
            end += 1
        body = "\n".join(line.rstrip("\r") for line in lines[at + 1 : end])
        yield at, min(end + 1, len(lines)), words, body
        at = end + 1


def fences(text):
    """Yields the fences named iommu-playground of a Markdown text: first line, line after the last, words after the name, body."""
    for first, after, words, body in blocks(text):
        if words and words[0] == "iommu-playground":
            yield first, after, words[1:], body


def ours(origin):
    """Returns the pattern of an address that opens the playground at `origin` with a scenario or a place."""
    return re.compile(re.escape(origin.rstrip("/")) + r"/(?:index(?:\.zh)?\.html)?#[^\s<>\"'`)\]]+")


def links(text, origin):
    """Yields the links to the playground outside of a Markdown text's fences: line, from 1, and address."""
    lines, pattern = text.split("\n"), ours(origin)
    inside = set()
    for first, after, _, _ in blocks(text):
        inside.update(range(first, after))
    for at, line in enumerate(lines):
        for found in pattern.finditer(line if at not in inside else ""):
            yield at + 1, found.group(0)


def wanted(words, body):
    """Returns what the words after a fence's name and its body want, as arguments of `Figures.figure`; raises Wrong."""
    out = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals and "preset" not in out:
            out["preset"] = name
        elif name in OPTIONS and equals:
            out[name] = value.strip("\"'")
        else:
            raise Wrong(f"`{word}` is no option: a preset's name, or one of {', '.join(OPTIONS)} with =")
    if body.strip():
        if "preset" in out:
            raise Wrong(f"a preset ({out['preset']}) and a text: only one of them fits")
        out["scenario"] = body + "\n"
    elif "preset" not in out:
        raise Wrong("neither a preset's name nor a scenario's text")
    return out


def check(figures, address, complain, lang=None):
    """Tells `complain(message, fatal)` what is wrong with a link to the playground."""
    try:
        for warning in figures.link(address, lang)["warnings"]:
            complain(f"{short(address)}: {warning['message']}", False)
    except Wrong as wrong:
        complain(f"{short(address)}: {wrong}", True)


def short(address):
    """Returns an address as messages name it: a scenario's text in it is long."""
    return address if len(address) <= 80 else address[:60] + "..." + address[-16:]


def in_markdown(text, figures, origin, living, complain):
    """Returns a Markdown text with its fences replaced: by living elements, or by pictures as text.

    `complain(line, message, fatal)` is told of what is wrong, by the line of the text, from 1.
    """
    for line, address in links(text, origin):
        check(figures, address, lambda message, fatal, line=line: complain(line, message, fatal))
    lines, out, done = text.split("\n"), [], 0
    for first, after, words, body in fences(text):
        out += lines[done:first]
        done = after
        try:
            want = wanted(words, body)
            figure = figures.figure(**want)
        except Wrong as wrong:
            complain(first + 1 + wrong.line, str(wrong), True)
            continue
        for warning in figure["warnings"] + figure["stopped"]:
            complain(first + 1 + warning["line"], warning["message"], False)
        if living:
            out += ["", "<div>", element(figure, data_uri(figure["svg"]), origin, **want), "</div>", ""]
        else:
            mark = "`" * 3
            there = link(figure, origin)
            out += ["", mark + "text", *figure["text"].rstrip("\n").split("\n"), mark, "", alt(figure)]
            out += ([f"<{there}>"] if there else []) + [""]
    return "\n".join(out + lines[done:])


def data_uri(svg):
    """Returns a picture as an address that holds it."""
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()
