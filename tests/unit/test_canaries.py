"""A secret is masked in whatever form a program writes it."""

import canaries
import pytest

from entrypoint.base import redact
from entrypoint.base.redact import MASK


SECRETS = [*canaries.SECRETS.values(), "p" * 200, "päß-wörd;1", "a'b\"c$d`e\\f!", "0123456789"]


@pytest.mark.parametrize("secret", SECRETS)
def test_every_form_is_masked(secret: str) -> None:
    """JSON, addresses, base64 wherever it begins, quotes of a shell and wrapped lines: nothing of a secret is shown."""
    forms = redact.forms([secret])
    for before, after in (("", ""), ("x", "y"), ("{'k':'", "'}")):
        text = "\n".join(f"{before}{line}{after}" for line in canaries.lines_of([secret]))
        shown = redact.mask(text, forms)
        assert not canaries.found(shown.encode(), [secret])
        assert MASK in shown


def test_what_is_no_secret_is_shown() -> None:
    """Words of which a secret is made, and short parts of it, stay."""
    forms = redact.forms(["correct horse battery staple", "API-ABCDEFGH"])
    for text in ("the horse is correct", "API-", "a battery of tests", "Y29y"):
        assert redact.mask(text, forms) == text
