"""The verbs of octo-node, each declared once: what `--help`, `explain` and the shells' completion say of it.

Light, and imported only by who is asked for help: process 1 doesn't keep it.
"""


class Verb:
    """One verb: how it is written, a sentence on it, its options (form, meaning), and what follows it, if anything."""

    __slots__ = ("name", "options", "sentence", "text", "words")

    def __init__(
        self,
        name: str,
        words: str,
        sentence: str,
        options: "tuple[tuple[str, str], ...]" = (),
        text: str = "",
    ) -> None:
        self.name = name
        self.words = words
        self.sentence = sentence
        self.options = options
        self.text = text

    @property
    def usage(self) -> str:
        """How it is written."""
        options = "".join(f" [{form}]" for form, _ in self.options)
        return f"octo-node {self.name}{options}{' ' if self.words else ''}{self.words}"


V = Verb
JSON = ("--json", "as JSON, for programs")
VERBS = (
    V("run", "", "Process 1 of a node: check, configure, start and supervise Octopus.Server.", text="""\
Settings are environment variables (`octo-node explain environment`). TERM, INT or QUIT stop the node in order; once
more skips the drain, a third time kills. The exit code is Octopus.Server's own, or says why there was no start."""),
    V("init", "-- CMD [ARG...]", "Process 1 for any other command; CMD alone does the same.", text="""\
Signals go to the command's process group, orphans are reaped, and the exit code is the command's own (128 + n after
signal n; 126: it can't be executed, 127: it wasn't found)."""),
    V("probe", "startup|liveness|readiness", "Whether the node answers: exit code 0 for yes, 1 for no.", (
        ("--timeout SECONDS", "for the whole answer (4)"),
        ("--url URL", "where the node is (http://localhost:8080, or https by the settings)"),
    ), """\
startup and liveness ask the ping address, and take 418 (draining) and 429 (busy) for a yes; readiness asks whether the
node serves the portal. A no tells what came back, and where the node is."""),
    V("drain", "", "Take no new tasks, and wait for those that run.", (
        ("--wait SECONDS", "seconds to wait for running tasks (600)"),
        ("--cancel-tasks", "cancel what still runs after that"),
        ("--cancel-wait SECONDS", "seconds to wait for the cancelled (60)"),
    ), "Exit code 20: tasks still ran at the deadline; 21: the node or its database couldn't be reached."),
    V("undrain", "", "Take tasks again.", (("--wait SECONDS", "seconds to wait for the node to answer (60)"),)),
    V("status", "", "What this node is doing.", (
        JSON, ("--watch", "again and again, until Ctrl-C"),
        ("--timeout SECONDS", "for what is asked; else it is all over after 2 s"),
    ),
      "Exit code 1: no node lives here. It never lasts longer than 2 seconds, whatever hangs."),
    V("nodes", "[remove NAME [--force]]", "The nodes of the cluster, as the database knows them.", (JSON,),
      "`remove` takes the row of a node away that is gone for good: it counts for the licence."),
    V("server", "VERB [OPTION...]", "A command of Octopus.Server, for this instance.", (
        ("--unmasked", "show what it prints as it is"),
    ), "Such as `octo-node server show-configuration`. Secrets are masked in what it prints."),
    V("configure", "", "Check and configure the node, without starting Octopus.Server."),
    V("check", "", "Everything that can be known about a start here; nothing is started or changed.", (
        JSON, ("--commands", "also what a start would run, without secrets"),
    ), "The exit code is that of a start: 0 also with warnings."),
    V("diagnose", "", "All that somebody needs who wants to help, in one archive without secrets.", (
        ("--output FILE", "the archive, `-` for stdout (octo-node-NAME-TIME.tar.gz in the current folder)"),
    ), "At most 20 MB. Exit code 18: there is no room for it; then nothing is left behind."),
    V("explain", "[CODE|VARIABLE|VERB|DOCUMENT]", "What an exit code, a variable, a verb or a symptom means."),
    V("completion", "bash|zsh", "Completion for a shell: source <(octo-node completion bash)."),
    V("install", "DIR", "Copy this image's /opt/octo-node into a volume, for Octopus's own image."),
    V("help", "[VERB]", "What octo-node can do, or how a verb is used."),
    V("version", "", "The version of octo-node."),
)  # fmt: skip
BY_NAME = {verb.name: verb for verb in VERBS}
_WIDTH = 34  # columns that a verb has in the overview
END = """
Settings are environment variables. `octo-node explain` knows them all, the exit codes, and the documents.
"""


def overview() -> str:
    """Return what `octo-node --help` prints."""
    lines = ["octo-node: ENTRYPOINT and node supervisor of Octopus Server's Linux container", ""]
    for verb in VERBS:
        lines += _entry(f"  {verb.usage}", verb.sentence[:1].lower() + verb.sentence[1:].rstrip("."))
    return "\n".join(lines) + "\n" + END


def of_verb(name: str) -> str:
    """Return what `octo-node VERB --help` prints."""
    verb = BY_NAME[name]
    lines = [f"usage: {verb.usage}", "", verb.sentence]
    if verb.options:
        lines.append("")
        for form, meaning in verb.options:
            lines += _entry(f"  {form}", meaning)
    if verb.text:
        lines += ["", verb.text]
    return "\n".join(lines) + "\n"


def _entry(left: str, right: str) -> "list[str]":
    """Return a line of a list; two, where the left side is too long."""
    if len(left) < _WIDTH - 1:
        return [f"{left:<{_WIDTH}}{right}"]
    return [left, " " * _WIDTH + right]
