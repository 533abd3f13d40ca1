"""What is known of the outside, and when it is looked at."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Integer, String, Table

from app.ledger.tables.metadata import metadata

# Where the App is installed, by the service's own numbers: told by webhooks, put right by a slow look (tasks/keeping/census.py).
repositories = Table(
    "repositories", metadata,
    Column("source", String(32), primary_key=True),
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("installation_id", BigInteger, nullable=False, index=True),
    Column("full_name", String(201), nullable=False),
    # Null until a look has told it: news of an installation does not.
    Column("default_branch", String(255)),
    Column("archived", Boolean, nullable=False, default=False),
    Column("suspended", Boolean, nullable=False, default=False),
)

# What is looked at from time to time, whoever does it: when next.
looks = Table(
    "looks", metadata,
    Column("name", String(100), primary_key=True),
    Column("next_at_ms", BigInteger, nullable=False),
)

# When a service may be asked again, by whom it counts us by (app/core/line/turns.py).
pace = Table(
    "pace", metadata,
    Column("who", String(200), primary_key=True),
    # Nothing at all before.
    Column("paused_until_ms", BigInteger, nullable=False),
    # How often in a row it refused without saying for how long.
    Column("refusals", Integer, nullable=False),
    # No write before; whoever writes holds the row until then, and nobody else writes meanwhile.
    Column("next_write_at_ms", BigInteger, nullable=False), Column("held_until_ms", BigInteger, nullable=False),
    # While few requests are left: when the next piece of work may begin, how far apart they are, and until when that counts.
    Column("next_begin_at_ms", BigInteger, nullable=False),
    Column("gap_ms", BigInteger, nullable=False), Column("gap_until_ms", BigInteger, nullable=False),
)

# The newest tick of each line of a schedule that was made an event of, or passed over when the line was new.
schedules = Table(
    "schedules", metadata,
    Column("profile", String(63), primary_key=True), Column("repository", String(201), primary_key=True),
    Column("line", String(200), primary_key=True), Column("ticked_at_ms", BigInteger, nullable=False),
)

# One-time links to the pages, and the sessions made from them; only hashes are kept.
page_keys = Table(
    "page_keys", metadata,
    Column("sha256", String(64), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("expires_at_ms", BigInteger, nullable=False),
)
