"""The program: its commands, and what becomes of errors, interrupts and closed pipes."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from cyclopts import App, CycloptsError

from ..errors import InputError, nearest
from .out import error_object, stromal_version, write_json

__all__ = ["app", "main"]

EXIT_INPUT, EXIT_INTERRUPTED, EXIT_PIPE = 2, 130, 141


def app() -> App:
    """Return the program with its commands."""
    from . import (
        assay,
        check,
        disease,
        evidence,
        export,
        listing,
        model,
        new,
        patient,
        population,
        trial,
        validate,
    )

    program = App(
        name="stromal",
        help="The literature on mesenchymal stromal cells, executable: every arrow cited, every claim "
        "tested. Research software, not for clinical decisions.",
        version=stromal_version,
        help_format="plaintext",
    )
    for command, name in (
        (evidence.evidence, "evidence"),
        (assay.assay, "assay"),
        (trial.trial, "trial"),
        (disease.disease, "disease"),
        (patient.patient, "patient"),
        (population.population, "population"),
        (model.model, "model"),
        (check.check, "check"),
        (check.calibrate, "calibrate"),
        (export.export, "export"),
        (listing.list_, "list"),
        (new.new, "new"),
        (validate.validate, "validate"),
    ):
        program.command(command, name=name)
    return program


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program.

    Parameters
    ----------
    argv : sequence of str, optional
        Words after the program's name; those of the process by default.

    Returns
    -------
    int
        0 if all went well, 2 for input that cannot be used, 130 if interrupted.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    as_json = "--json" in words
    try:
        code = _run(words)
        sys.stdout.flush()
        return code
    except InputError as err:
        return _refuse(err, as_json)
    except KeyboardInterrupt:
        sys.stderr.write("stromal: interrupted\n")
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # the reader (head, less) has gone: nothing more to say, and nothing to flush at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_PIPE


def _run(words: list[str]) -> int:
    program = app()
    if not words:
        words = ["--help"]
    if not words[0].startswith("-") and words[0] not in program:
        raise InputError(
            f"no command {words[0]!r}", key="command", suggestion=nearest(words[0], _commands(program))
        )
    try:
        command, bound, _ = program.parse_args(words, print_error=False, exit_on_error=False)
    except CycloptsError as err:
        raise _as_input_error(err, program, words) from None
    result = command(*bound.args, **bound.kwargs)
    return result if isinstance(result, int) else 0


def _commands(program: App) -> list[str]:
    return [name for name in program if not name.startswith("-")]


def _as_input_error(err: CycloptsError, program: App, words: list[str]) -> InputError:
    """Return what the parser refused as the one error that users see, with the nearest valid name."""
    message = " ".join(str(err).split()).rstrip(".")
    option = next(
        (w.partition("=")[0] for w in words if w.startswith("--") and w.partition("=")[0] in message), ""
    )
    # the parser's own guess is replaced by ours, which is made like all others
    message = message.partition(" Did you mean")[0].rstrip(".")
    suggestion = ""
    if option and "nknown option" in message:
        known = [
            name for argument in program[words[0]].assemble_argument_collection() for name in argument.names
        ]
        suggestion = nearest(option, [name for name in known if name.startswith("--")])
        message = f"no option {option!r}"
    return InputError(
        message, key=words[0] if words and not words[0].startswith("-") else "", suggestion=suggestion
    )


def _refuse(err: InputError, as_json: bool) -> int:
    sys.stderr.write(f"stromal: {' '.join(str(err).split())}\n")
    if as_json:
        write_json(error_object(err))
    return EXIT_INPUT
