"""`/metrics` for Prometheus, read from the ledger: every process may have done the work, any web process can tell of it.

https://prometheus.io/docs/instrumenting/exposition_formats/ and https://prometheus.io/docs/practices/naming/
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Iterator, Mapping

import structlog
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from app.ledger import acknowledged, counts, hosts, inbox, pauses, tallies
from app.ledger.database import Database
from app.observe import access

log = structlog.get_logger()

# Labels are names of ours, of profiles, and of kinds that a signed delivery names; should that be too many, the rest is one.
MOST_SERIES = 500
REFUSED = (
    "This page needs the token in BELLHOP_METRICS_TOKEN, as `Authorization: Bearer ...`, or a session of the pages (`bellhop link`).\n"
)


class Metrics:
    """The page; `token` opens it beside a session (empty: only a session does)."""

    def __init__(self, database: Database, token: str) -> None:
        self._database = database
        self._token = token.encode()

    async def page(self, request: Request) -> Response:
        """Answer a scrape."""
        try:
            if not self._has_token(request) and not await access.may_see(request, self._database):
                return access.refused(request, REFUSED)
            text = await run_in_threadpool(self._text)
        except SQLAlchemyError as error:
            log.error("metrics_not_read", error=type(error).__name__)
            return PlainTextResponse("The database does not answer.\n", status_code=503, headers=access.SECURITY_HEADERS)
        return Response(text, media_type=CONTENT_TYPE_LATEST, headers=access.SECURITY_HEADERS)

    def _has_token(self, request: Request) -> bool:
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        is_it = hmac.compare_digest(given.strip().encode(), self._token)
        return bool(self._token) and scheme.lower() == "bearer" and is_it

    def _text(self) -> bytes:
        with self._database.read() as tx:
            families = list(families_of(tx))
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Read(families))
        return generate_latest(registry)


class _Read(Collector):
    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        """Return what was read."""
        return self._families


def families_of(tx: Connection) -> Iterator[Metric]:
    """Yield every metric as it stands; the counters have been counted as things happened, so none of it takes longer with the years."""
    deliveries: dict[tuple[str, ...], int] = dict(inbox.delivery_totals(tx).items())
    deliveries |= {(source, "accepted", kind): count for (source, kind), count in tallies.totals(tx, "accepted").items()}
    yield _counter("bellhop_deliveries", "Deliveries by what was made of them at the door.", ("source", "verdict", "reason"), deliveries)
    yield _counter("bellhop_decisions", "Events by what was decided on them.", ("source", "decision", "reason"), tallies.totals(tx, "decision"))
    yield GaugeMetricFamily("bellhop_events_undecided", "Events on file that wait to be decided on.", counts.events_undecided(tx))
    yield _gauge("bellhop_runs", "Live runs by state.", "state", counts.runs_by_state(tx))
    queued = counts.queued_by_profile(tx)
    yield _gauge("bellhop_queued_runs", "Queued runs by profile.", "profile", {each.profile: each.runs for each in queued})
    yield _gauge("bellhop_queued_oldest_seconds", "For how long the oldest queued run of a profile has waited.", "profile",
                 {each.profile: each.oldest_seconds for each in queued})
    yield _counter("bellhop_outcomes", "Runs that are over, by how they ended.", ("profile", "outcome", "reason"), tallies.totals(tx, "outcome"))
    cost = {labels: count / 1_000_000 for labels, count in tallies.totals(tx, "cost").items()}
    yield _counter("bellhop_cost_usd", "What the models of runs that are over have cost, in US dollars, as far as prices are known.", ("profile",), cost)
    buckets, sum_seconds = acknowledged.histogram(tx)
    histogram = HistogramMetricFamily("bellhop_acknowledged_seconds", "From an event's coming in to the first comment in its thread.")
    histogram.add_metric((), buckets, sum_seconds)
    yield histogram
    yield GaugeMetricFamily("bellhop_workers_alive", "Hosts with a worker that was heard of lately.", len(hosts.alive(tx)))
    yield _gauge("bellhop_paused", "Profiles that are paused, or * for all of them.", "profile", dict.fromkeys(pauses.paused(tx), 1))


def _counter(name: str, says: str, labels: tuple[str, ...], values: Mapping[tuple[str, ...], float]) -> Metric:
    family = CounterMetricFamily(name, says, labels=labels)
    ranked = sorted(values.items(), key=lambda each: (-each[1], each[0]))
    for key, value in sorted(ranked[:MOST_SERIES]):
        family.add_metric(key, value)
    if rest := ranked[MOST_SERIES:]:
        family.add_metric(("other",) * len(labels), sum(value for _, value in rest))
    return family


def _gauge(name: str, says: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(name, says, labels=(label,))
    for key, value in sorted(values.items()):
        family.add_metric((key,), value)
    return family
