"""What an unhandled exception looks like: its message first, a long stack trace, exit code 100."""

from . import switches
from .log import complain


EXIT_CODE = 100
_KINDS = {
    "pyodbc": "Microsoft.Data.SqlClient.SqlException (0x80131904)",
    "builtins": "System.InvalidOperationException",
}
_FRAMES = (
    "Octopus.Core.Infrastructure.Commands.ServerCommand.<ExecuteAsync>d__14.MoveNext()",
    "Octopus.Core.Persistence.RelationalStore.<ExecuteReaderAsync>b__0(DbCommand command, CancellationToken token)",
    "System.Threading.Tasks.Task.ExecuteWithThreadLocal(Task& currentTaskSlot, Thread threadPoolThread)",
    "System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw()",
    "System.Runtime.CompilerServices.TaskAwaiter.HandleNonSuccessAndDebuggerNotification(Task task)",
)


def report(error: Exception) -> int:
    """Print an exception in .NET's words, and return the exit code."""
    module = type(error).__module__
    kind = _KINDS.get(module, f"Octopus.Core.{type(error).__name__}")
    frames = (f"   at {_FRAMES[number % len(_FRAMES)]}" for number in range(int(switches.number("stack_lines"))))
    complain("\n".join([f"Unhandled exception: {kind}: {error}", *frames]), "FATAL")
    complain(f"Terminating process with exit code {EXIT_CODE}", "FATAL")
    return EXIT_CODE
