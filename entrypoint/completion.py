"""`octo-node completion`: what a shell offers after `octo-node `, made from the verbs' own declarations."""

from entrypoint.base.errors import NodeError
from entrypoint.base.exitcodes import ExitCode
from entrypoint.settings import variables

from . import usage
from .usage import Verb


_BASH = """\
# octo-node: source <(octo-node completion bash)
_octo_node() {{
    local current=${{COMP_WORDS[COMP_CWORD]}} words=
    if ((COMP_CWORD == 1)); then
        words="{verbs}"
    else
        case ${{COMP_WORDS[1]}} in
{cases}
        esac
    fi
    COMPREPLY=($(compgen -W "$words" -- "$current"))
}}
complete -o default -F _octo_node octo-node
"""
_ZSH = """\
#compdef octo-node
# octo-node: source <(octo-node completion zsh)
_octo-node() {{
    local -a verbs
    verbs=(
{verbs}
    )
    if ((CURRENT == 2)); then
        _describe verb verbs
        return
    fi
    shift words
    ((CURRENT--))
    case $words[1] in
{cases}
        init) _normal ;;
    esac
}}
if [[ $funcstack[1] == _octo-node ]]; then _octo-node "$@"; else compdef _octo-node octo-node; fi
"""
_SHELLS = ("bash", "zsh")


def complete(words: list[str]) -> ExitCode:
    """Print the script for the shell that `words` name. Raise NodeError (2) if they name none."""
    if words not in ([shell] for shell in _SHELLS):
        raise NodeError(ExitCode.USAGE, "For which shell? Usage: octo-node completion bash|zsh")
    print(_for_bash() if words == ["bash"] else _for_zsh(), end="")
    return ExitCode.DONE


def _for_bash() -> str:
    cases = [
        f'            {verb.name}) words="{" ".join([*_options(verb), *follows(verb)])}" ;;' for verb in usage.VERBS
    ]
    return _BASH.format(verbs=" ".join(usage.BY_NAME), cases="\n".join(cases))


def _for_zsh() -> str:
    verbs = [f"        '{verb.name}:{_quoted(verb.sentence.rstrip('.'))}'" for verb in usage.VERBS]
    cases = [f"        {verb.name}) _arguments {_specs(verb)} ;;" for verb in usage.VERBS if verb.name != "init"]
    return _ZSH.format(verbs="\n".join(verbs), cases="\n".join(cases))


def _options(verb: Verb) -> list[str]:
    return [*(form.partition(" ")[0] for form, _ in verb.options), "--help"]


def follows(verb: Verb) -> list[str]:
    """Return the words that may follow a verb, besides its options."""
    match verb.name:
        case "probe" | "completion":
            return verb.words.split("|")
        case "help":
            return list(usage.BY_NAME)
        case "explain":
            codes = (f"{code:d}" for code in ExitCode)
            return [*codes, *usage.BY_NAME, *variables.BY_NAME, "symptoms", "troubleshooting"]
        case "nodes":
            return ["remove"]
        case _:
            return []


def _specs(verb: Verb) -> str:
    """Return a verb's options and words as zsh's `_arguments` takes them."""
    specs = []
    for form, meaning in verb.options:
        name, _, value = form.partition(" ")
        action = f":{value}:{'_files' if value == 'FILE' else ''}" if value else ""
        specs.append(f"'{name}[{_quoted(meaning)}]{action}'")
    words = follows(verb)
    return " ".join([*specs, "'--help[what it does]'", *([f"'*:word:({' '.join(words)})'"] if words else [])])


def _quoted(text: str) -> str:
    """Return `text` without what means something inside the quotes and brackets of a specification."""
    return text.replace("'", "'\\''").replace(":", "\\:").replace("[", "\\[").replace("]", "\\]")
