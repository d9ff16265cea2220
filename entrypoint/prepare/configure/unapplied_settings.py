"""Reports at each start which settings are given but not applied."""

from entrypoint.octopus.applied_state import AppliedState
from entrypoint.prepare.context import Context

from . import data_import


_NOTE = "kept"  # in the applied state: the verbs whose commands weren't run, because the database has what they write


def note(applied: AppliedState, verb: str, *, was_run: bool) -> None:
    """Note whether the command `verb` was run, or left out because the database has what it would write."""
    before = applied.get(_NOTE)
    kept = {str(name) for name in before} if isinstance(before, list) else set()
    now = kept - {verb} if was_run else kept | {verb}
    if now != kept:
        applied.put(_NOTE, sorted(now))


def say(context: Context) -> None:
    """Say which settings aren't applied, and how they would be."""
    settings, kept = context.settings, context.applied.get(_NOTE)
    match bool(settings.admin_password), bool(settings.admin_api_key):
        case True, True:
            subject = "ADMIN_PASSWORD and ADMIN_API_KEY are"
        case True, False:
            subject = "ADMIN_PASSWORD is"
        case False, True:
            subject = "ADMIN_API_KEY is"
        case _:
            subject = ""
    if subject and isinstance(kept, list) and "admin" in kept:
        context.log.info(
            f"{subject} not applied: the database has a user "
            f"{settings.admin_username} already, who may have been changed in the portal. To apply all settings, start "
            "once with OCTO_NODE_APPLY=all."
        )
    if data_import.is_ignored(context):
        context.log.info(
            "The export in /import is not imported: an import needs a new database, and this one existed "
            "already. Unmount it."
        )
