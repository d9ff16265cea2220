"""System procedures, called by EXEC in a batch or by RPC."""

from __future__ import annotations

from dataclasses import dataclass

from . import applocks, describing, expressions, sqltypes
from .errors import SqlError, syntax
from .lexer import Cursor, Token, groups, tokenize
from .scope import Frame, Variable


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .interpreter import Interpreter
    from .sqltypes import SqlType
    from .wire import Value


@dataclass
class Argument:
    """A procedure's argument; one with `output` is read back by the caller."""

    name: str
    type: SqlType
    value: Value
    output: bool = False


Arguments = list[Argument]


def execute(tokens: list[Token], interpreter: Interpreter) -> None:
    """Run `EXEC [@r =] procedure arguments` or `EXEC (text)`."""
    cursor = Cursor(tokens)
    cursor.next()
    if cursor.at("("):
        text = str(interpreter.evaluate(cursor.parenthesised())[1])
        _nested(interpreter, text, Frame(interpreter.session))
        return
    result = cursor.next().text if cursor.peek(1).key == "=" else ""
    if result:
        cursor.expect("=")
    name = cursor.path()[-1]
    cursor_arguments = [part for part in groups(cursor.rest()) if part]
    variables = [_by_reference(part) for part in cursor_arguments]
    arguments = [_argument(part, interpreter) for part in cursor_arguments]
    interpreter.reply.in_procedure += 1
    try:
        status = call(name, arguments, interpreter)
    finally:
        interpreter.reply.in_procedure -= 1
    for variable, argument in zip(variables, arguments, strict=True):
        if variable and argument.output:
            interpreter.assign(variable, argument.value)
    if result:
        interpreter.assign(result, status)
    interpreter.reply.return_status(status)
    interpreter.reply.done_procedure()


def _by_reference(tokens: list[Token]) -> str:
    return tokens[-2].text if len(tokens) > 1 and tokens[-1].key in ("OUTPUT", "OUT") else ""


def _argument(tokens: list[Token], interpreter: Interpreter) -> Argument:
    output = bool(_by_reference(tokens))
    rest = tokens[:-1] if output else tokens
    name = ""
    if len(rest) > 2 and rest[0].kind == "var" and rest[1].key == "=":
        name, rest = rest[0].text, rest[2:]
    if len(rest) == 1 and rest[0].kind == "name" and rest[0].key not in ("NULL", "DEFAULT"):
        return Argument(name, sqltypes.NVARCHAR, rest[0].text)  # a bare word is a string here
    made, value = interpreter.evaluate(rest)
    return Argument(name, made.type, value, output)


def call(name: str, arguments: Arguments, interpreter: Interpreter) -> int:
    """Run a procedure and give its return value."""
    procedure = _PROCEDURES.get(name.lower())
    if procedure is None:
        raise SqlError(2812, f"Could not find stored procedure '{name}'.", state=62)
    return procedure(arguments, interpreter)


def named(arguments: Arguments, *names: str) -> dict[str, Argument]:
    """Arguments by the names of the parameters that they are for."""
    found = {}
    for place, argument in enumerate(arguments):
        key = argument.name.lower().lstrip("@") or (names[place] if place < len(names) else "")
        found[key] = argument
    return found


def declared(text: str, frame: Frame) -> list[str]:
    """Declare the parameters of an `@a int, @b nvarchar(10) OUTPUT`, and give their names."""
    names = []
    for part in groups(tokenize(text)):
        if not part:
            continue
        cursor = Cursor(part)
        name = cursor.next().text.lower()
        cursor.accept("AS")
        frame.variables[name] = Variable(expressions.read_type(cursor))
        names.append(name)
    return names


def _nested(interpreter: Interpreter, text: str, frame: Frame) -> int:
    outer, interpreter.frame = interpreter.frame, frame
    before = interpreter.session.options.no_count
    interpreter.reply.in_procedure += 1
    try:
        return 0 if interpreter.run(text) else 1
    finally:
        interpreter.reply.in_procedure -= 1
        interpreter.session.options.no_count = before
        interpreter.frame = outer


def _run(interpreter: Interpreter, text: str, parameters: str, arguments: Arguments) -> int:
    """Run a text with parameters; what it does to output parameters is put into the arguments."""
    frame = Frame(interpreter.session)
    names = declared(parameters, frame)
    targets = {}
    for place, argument in enumerate(arguments):
        name = argument.name.lower() or (names[place] if place < len(names) else "")
        if name not in frame.variables:
            text = f"Parameterized Query has no parameter {name or place + 1}."
            raise SqlError(8178, text, aborts=True)
        frame.variables[name].value = argument.value
        if argument.value is not None and frame.variables[name].type.family != argument.type.family:
            frame.variables[name] = Variable(argument.type, argument.value)
        targets[name] = argument
    status = _nested(interpreter, text, frame)
    for name, argument in targets.items():
        if argument.output:
            argument.value = frame.variables[name].value
    return status


def _executesql(arguments: Arguments, interpreter: Interpreter) -> int:
    if not arguments:
        raise SqlError(201, "Procedure or function 'sp_executesql' expects parameter '@statement'.", state=10)
    text = str(arguments[0].value or "")
    parameters = str(arguments[1].value or "") if len(arguments) > 1 else ""
    return _run(interpreter, text, parameters, arguments[2:])


def _prepare(arguments: Arguments, interpreter: Interpreter) -> int:
    handle, parameters, text = arguments[:3]
    number = interpreter.session.server.next_number()
    interpreter.session.prepared[number] = (str(parameters.value or ""), str(text.value or ""))
    handle.value, handle.output = number, True
    return 0


def _prepexec(arguments: Arguments, interpreter: Interpreter) -> int:
    _prepare(arguments, interpreter)
    parameters, text = interpreter.session.prepared[int(arguments[0].value or 0)]
    return _run(interpreter, text, parameters, arguments[3:])


def _execute(arguments: Arguments, interpreter: Interpreter) -> int:
    number = int(arguments[0].value or 0)
    if number not in interpreter.session.prepared:
        raise SqlError(8179, f"Could not find prepared statement with handle {number}.", state=2)
    parameters, text = interpreter.session.prepared[number]
    return _run(interpreter, text, parameters, arguments[1:])


def _unprepare(arguments: Arguments, interpreter: Interpreter) -> int:
    interpreter.session.prepared.pop(int(arguments[0].value or 0), None)
    return 0


def _get_lock(arguments: Arguments, interpreter: Interpreter) -> int:
    names = ("resource", "lockmode", "lockowner", "locktimeout", "dbprincipal")
    values = {name: argument.value for name, argument in named(arguments, *names).items()}
    return applocks.get(interpreter.session, values)


def _release_lock(arguments: Arguments, interpreter: Interpreter) -> int:
    values = {name: each.value for name, each in named(arguments, "resource", "lockowner", "dbprincipal").items()}
    return applocks.release(interpreter.session, values)


def _describe_parameters(arguments: Arguments, interpreter: Interpreter) -> int:
    text = str(arguments[0].value or "")
    known = str(arguments[1].value or "") if len(arguments) > 1 else ""
    interpreter.send(describing.PARAMETERS, describing.parameters(text, known))
    return 0


def _tables(arguments: Arguments, interpreter: Interpreter) -> int:
    wanted = named(arguments, "table_name", "table_owner", "table_qualifier", "table_type").get("table_name")
    pattern = str(wanted.value) if wanted and wanted.value is not None else "%"
    interpreter.send(describing.TABLES, describing.tables(interpreter.session, pattern))
    return 0


def _datatypes(arguments: Arguments, interpreter: Interpreter) -> int:
    values = {name: each.value for name, each in named(arguments, "data_type", "odbcver").items()}
    rows = describing.datatypes(int(values.get("data_type") or 0), int(values.get("odbcver") or 2))
    interpreter.send(describing.DATATYPES, rows)
    return 0


def _nothing(_arguments: Arguments, _interpreter: Interpreter) -> int:
    return 0


def _wrong(arguments: Arguments, _interpreter: Interpreter) -> int:
    raise syntax(str(arguments[0].value) if arguments else "EXEC")


_PROCEDURES: dict[str, Callable[[Arguments, Interpreter], int]] = {
    "sp_executesql": _executesql,
    "sp_prepare": _prepare,
    "sp_prepexec": _prepexec,
    "sp_execute": _execute,
    "sp_unprepare": _unprepare,
    "sp_getapplock": _get_lock,
    "sp_releaseapplock": _release_lock,
    "sp_describe_undeclared_parameters": _describe_parameters,
    "sp_tables": _tables,
    "sp_datatype_info": _datatypes,
    "sp_datatype_info_90": _datatypes,
    "sp_datatype_info_100": _datatypes,
    "sp_reset_connection": _nothing,
    "sp_set_session_context": _nothing,
    "sp_configure": _nothing,
}
