"""What the documentation site makes as it is built: references of commands and of Python, the rest of the navigation.

Both references are read off the source, so that they cannot grow stale; nothing that they describe is imported.
"""

import ast
import re
import textwrap
from pathlib import Path

import typer

import pmntool
from pmntool.cli import app

PACKAGE = Path(pmntool.__file__).parent
TAKEN = {  # what functions take, and other modules define
    "Options": "verbs.windowing", "Settings": "epochs", "Hyperparameters": "models.encoder", "Bootstrap": "bootstrap",
    "View": "browser.view", "Progress": "progress",
}  # fmt: skip


def on_config(config):
    """Put pages that the navigation does not list under "More"."""
    listed = re.findall(r"[\w-]+\.md", str(config.nav))
    rest = sorted(path.name for path in Path(config.docs_dir).glob("*.md") if path.name not in listed)
    if rest:
        config.nav.append({"More": rest})


def on_files(files, config):
    """Add the two references."""
    from mkdocs.structure.files import File

    for name, content in (("commands.md", command_reference()), ("api.md", python_reference())):
        files.append(File.generated(config, name, content=content))


def on_page_markdown(markdown, **_):
    """Part a list from the paragraph above it, as other Markdown does by itself; name files of the repository."""
    parts = re.split(r"(?ms)(^```.*?^```)", markdown)
    for i in range(0, len(parts), 2):
        parts[i] = re.sub(r"(?m)^((?!- |1\. |\s).+)\n(?=- |1\. )", r"\1\n\n", parts[i])
        parts[i] = re.sub(r"\[([^\]]+)\]\(\.\./([^)]+)\)", r"\1 (`\2`)", parts[i])  # they are not in the site
    return "".join(parts)


def on_page_content(html, **_):
    """Keep an option in one piece: web browsers break a line after a hyphen."""

    def kept(code: re.Match[str]) -> str:
        return re.sub(r"(?<![\w-])--?\w[\w-]*", r'<span class="option">\g<0></span>', code[0])

    return re.sub(r"<code>[^<]*</code>", kept, html)


def on_post_page(output, page, **_):
    """Refuse a page that would ask for something outside the site."""
    from mkdocs.exceptions import PluginError

    if asked := re.search(r'<(?:link|script|img|iframe)\b[^>]* (?:href|src)="?(?:https?:)?//[^">]+', output):
        raise PluginError(f"{page.file.src_uri} asks for {asked[0]}")


def command_reference() -> str:
    """Return the page of all commands: what `--help` says, from the parser itself."""
    group = typer.main.get_command(app)
    context = group.make_context("pmntool", [], resilient_parsing=True)
    blocks = ["# Commands", group.help, "`pmntool COMMAND --help` says the same in a terminal."]
    for name, command in group.load().items():
        inner = command.make_context(name, [], parent=context, resilient_parsing=True)
        usage = " ".join(["pmntool", name, *command.collect_usage_pieces(inner)])
        records = [record for param in command.get_params(inner) if (record := param.get_help_record(inner))]
        blocks += [f"## {name}", _plain(command.help), f"```\n{usage}\n```", *(_defined(*record) for record in records)]
        for part in (command.epilog or "").replace("\b\n", "").split("\n\n"):
            title, _, lines = part.partition("\n")
            blocks.append(f"{title}\n\n```\n{textwrap.dedent(lines)}\n```")
    return "\n\n".join(blocks) + "\n"


def python_reference() -> str:
    """Return the page of what `import pmntool` offers, and of what it takes, gives and raises."""
    blocks = ["# Python", _plain(pmntool.__doc__)]
    for name, module in pmntool._HOMES.items():
        parts = _public(module)
        blocks += [f"## pmntool.{name}", *parts[name], *_classes(parts)]
    blocks.append("## What they take")
    for name, module in TAKEN.items():
        blocks += [f"### {name}", *_public(module)[name]]
    return "\n\n".join([*blocks, "## Errors", *_classes(_public("errors"))]) + "\n"


def _classes(parts: dict[str, list[str]]) -> list[str]:
    return [block for name, found in parts.items() if name[0].isupper() for block in (f"### {name}", *found)]


def _public(module: str) -> dict[str, list[str]]:
    """Return the public functions and classes of a module, each as blocks of Markdown."""
    path = PACKAGE / f"{module.replace('.', '/')}.py"
    source = (path if path.exists() else path.with_suffix("") / "__init__.py").read_text()
    nodes = [node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    return {node.name: _described(node, source.splitlines()) for node in nodes if node.name[0] != "_"}


def _described(node: ast.FunctionDef | ast.ClassDef, lines: list[str]) -> list[str]:
    """Return a function's signature or a class's fields as they stand in the source, its docstring, and methods."""
    text = ast.get_docstring(node) or ""
    code, methods = lines[node.lineno - 1 : node.body[0].lineno - 1], []
    if isinstance(node, ast.ClassDef):
        fields = [one for one in node.body if isinstance(one, ast.AnnAssign)]
        code += [line for one in fields for line in lines[one.lineno - 1 : one.end_lineno]]
        methods = [one for one in node.body if isinstance(one, ast.FunctionDef) and one.name[0] != "_"]
    blocks = ["```python\n" + textwrap.dedent("\n".join(code)) + "\n```", *_docstring(text)]
    return blocks + [block for one in methods for block in (f"#### {one.name}", *_described(one, lines))]


def _docstring(text: str) -> list[str]:
    """Return a NumPy docstring as Markdown: sections by name, parameters and errors as definitions."""
    opening, *sections = re.split(r"(?m)^(\w+)\n-+\n", text)
    blocks = [_plain(opening)]
    for title, content in zip(sections[::2], sections[1::2], strict=True):
        blocks.append(f"**{title}**")
        if title in ("Parameters", "Attributes", "Raises", "Returns") and "\n  " in content:
            entries = re.findall(r"(?m)^(\S.*)\n((?:[ ]+.*\n?|\n)*)", content + "\n")
            blocks += [_defined(name, " ".join(what.split())) for name, what in entries]
        elif ">>>" in content:
            blocks.append(f"```pycon\n{content.strip()}\n```")
        else:
            blocks.append(_plain(content))
    return blocks


def _plain(text: str) -> str:
    """Return text in which `<` and `*` outside code mean themselves, and options are code."""
    text = re.sub(r"``(.+?)``", r"`\1`", text.strip().replace("\b\n", ""))
    text = re.sub(r"(`[^`]+`)|(?<![\w-])(--[a-z][\w-]*)", lambda found: found[1] or f"`{found[2]}`", text)
    return re.sub(r"(`[^`]+`)|([<*])", lambda found: found[1] or f"&#{ord(found[2])};", text)


def _defined(name: str, text: str) -> str:
    return f"`{name}`\n:   {_plain(text)}"
