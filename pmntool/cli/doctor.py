"""`pmntool doctor`."""

import typer

from pmntool.cli.facts import AsJson, show
from pmntool.cli.options import Config, example
from pmntool.cli.root import app
from pmntool.errors import PmnError, printable


@app.command(epilog=example("doctor", "doctor --json"))
def doctor(as_json: AsJson = False, config: Config = None) -> None:
    """Say what works on this machine, and what mends the rest.

    Versions, devices, disk, formats, extras. The exit code is 1 where something is broken that pmntool needs.
    """
    from pmntool.verbs.doctor import doctor as verb

    found = verb()
    if as_json:
        show(found.facts | {"hints": found.hints, "problems": found.problems}, as_json=True)
    else:
        show(found.facts, as_json=False)
        for line in (*(f"broken: {text}" for text in found.problems), *(f"note: {text}" for text in found.hints)):
            typer.echo(printable(line))
    if found.problems:
        raise PmnError(
            f"what pmntool needs is not in order ({len(found.problems)} found): mend the first as said above, ask again"
        )
