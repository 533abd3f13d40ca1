"""Who is told that nothing was started, and who is not."""

from __future__ import annotations

from app.core.decide import Ignore
from app.core.deciding.notice import notice_of
from tests.app.core.test_decide import LISTED, comment, event, facts

NO = Ignore(reason="not_permitted", why=("x",))


def test_t14_a_program_is_told_nothing_whatever_it_says() -> None:
    assert notice_of(NO, comment("@bellhop go", number=7), facts("read")) is not None
    assert notice_of(NO, comment("@bellhop go", number=7, actor=LISTED), facts("read")) is None


def test_a_reason_that_is_nobodys_business_is_not_said() -> None:
    asked = comment("@bellhop go", number=7)
    for reason in ("bot", "no_profile", "already_running", "not_addressed", "permission_unknown"):
        assert notice_of(Ignore(reason=reason, why=("x",)), asked, facts("read")) is None
    assert notice_of(NO, comment("@bellhop go"), facts("read")) is None, "there is no place to say it in"
    assert notice_of(NO, event(number=7), facts("read")) is None
