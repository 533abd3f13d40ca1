# Bellhop's image: every process of compose.yaml is this image with another verb.
# The base needs Python 3.11 or newer with venv, and apt. Name another one with --build-arg BASE_IMAGE=...: one of
# your own that holds your package mirrors, pip's settings and your certificates serves the build and, later, the
# worker, which takes the packages of the sandboxes' /agent tree from the same places.
ARG BASE_IMAGE=python:3.11-slim-bookworm
FROM ${BASE_IMAGE}

# git for mirrors and publishing, prlimit (util-linux) to bound it; patchelf, with the base's own apt and dpkg, to
# build the /agent tree. No bubblewrap: a container is no place for it, and the worker has a Docker engine.
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates git patchelf util-linux \
    && rm -rf /var/lib/apt/lists/*

# A virtual environment, because a distribution's own Python refuses packages from outside.
WORKDIR /opt/bellhop
COPY requirements/base.txt requirements/base.txt
RUN python3 -m venv .venv \
    && .venv/bin/python -m pip install --no-cache-dir --disable-pip-version-check --require-hashes --no-deps \
        -r requirements/base.txt

COPY LICENSE ./
COPY pyproject.toml ./
COPY app app
COPY triggers triggers
COPY tasks tasks
COPY sidecar sidecar
COPY templates templates
COPY profiles profiles

# Readable whatever the checkout's umask was; compiled here, because the processes' root is read-only.
RUN chmod -R a+rX LICENSE app triggers tasks sidecar templates profiles \
    && .venv/bin/python -m compileall -q app triggers tasks \
    && printf '#!/bin/sh\nexec /opt/bellhop/.venv/bin/python -m app.cli "$@"\n' >/usr/local/bin/bellhop \
    && chmod 0755 /usr/local/bin/bellhop \
    && useradd --uid 8300 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin bellhop

ENV PATH=/opt/bellhop/.venv/bin:$PATH \
    PYTHONPATH=/opt/bellhop PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    BELLHOP_STATE_DIR=/var/lib/bellhop BELLHOP_RUNTIME_DIR=/run/bellhop

# Nobody, unless compose.yaml says otherwise: only the worker and the gateway are root, and why stands there.
USER bellhop
ENTRYPOINT ["bellhop"]
CMD ["--help"]
