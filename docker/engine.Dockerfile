# syntax=docker/dockerfile:1.7
# The engine: Rasa on Python 3.10, sealed. It holds no secret and no data, and asks nobody but the assistant.
#   docker build -f docker/engine.Dockerfile .
#
# The models are trained while the image is built, from the files in nlu/ and stories/: a changed sentence is a new image.
#
# The base is pinned by its version tag. To pin the very bytes, look the digest up and pass it:
#   docker buildx imagetools inspect python:3.10-slim-bookworm --format '{{.Manifest.Digest}}'
#   docker build --build-arg PYTHON=python:3.10-slim-bookworm@sha256:<digest> -f docker/engine.Dockerfile .
ARG PYTHON=python:3.10-slim-bookworm

FROM ${PYTHON} AS build
# The release uv.lock was written with; the same as in tools/bootstrap.py.
RUN pip install --no-cache-dir uv==0.13.9
ENV UV_CACHE_DIR=/var/cache/uv UV_LINK_MODE=copy UV_COMPILE_BYTECODE=1 UV_PYTHON_DOWNLOADS=never
WORKDIR /app
COPY pyproject.toml uv.lock ./
RUN --mount=type=cache,target=/var/cache/uv \
    uv sync --frozen --no-default-groups --group engine --no-install-project
COPY nlu/ nlu/
COPY stories/ stories/
# The shelf of embeddings is for training only; it is kept between builds and left out of the image.
RUN --mount=type=cache,target=/var/cache/farol \
    mkdir models \
    && (cp /var/cache/farol/embeddings.sqlite models/ 2>/dev/null || true) \
    && RASA_TELEMETRY_ENABLED=false .venv/bin/python -W ignore -m nlu.train --models models \
    && mv models/embeddings.sqlite /var/cache/farol/

FROM ${PYTHON}
# Nothing in the running image can install software.
RUN python -m pip uninstall --yes --root-user-action=ignore wheel setuptools pip \
    && groupadd --gid 10001 farol \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin farol
WORKDIR /app
COPY --from=build /app/.venv/ .venv/
COPY --from=build /app/nlu/ nlu/
COPY --from=build /app/models/ models/
# Rasa unpacks models where TMPDIR says; with a read-only root that has to be a tmpfs.
ENV PATH=/app/.venv/bin:$PATH \
    PYTHONPATH=/app \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PYTHONWARNINGS=ignore \
    RASA_TELEMETRY_ENABLED=false \
    HOME=/tmp \
    TMPDIR=/tmp \
    MPLCONFIGDIR=/tmp/matplotlib \
    FAROL_MODELS=/app/models \
    FAROL_ENGINE_HOST=127.0.0.1 \
    FAROL_ENGINE_PORT=5005
USER 10001:10001
EXPOSE 5005
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=180s --retries=3 \
    CMD ["python", "-c", "from http.client import HTTPConnection as C; c = C('127.0.0.1', 5005, timeout=4); c.request('GET', '/health'); raise SystemExit(c.getresponse().status != 200)"]
CMD ["python", "-m", "nlu.service"]
