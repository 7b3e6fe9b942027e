# syntax=docker/dockerfile:1.7
# The assistant: everything that faces people. Built from the root of the repository:
#   docker build -f docker/assistant.Dockerfile .
#
# The base is pinned by its version tag, which gets security fixes under the same name. To pin the very bytes, look the
# digest up and pass it:
#   docker buildx imagetools inspect python:3.11-slim-bookworm --format '{{.Manifest.Digest}}'
#   docker build --build-arg PYTHON=python:3.11-slim-bookworm@sha256:<digest> -f docker/assistant.Dockerfile .
ARG PYTHON=python:3.11-slim-bookworm

FROM ${PYTHON} AS build
# The release uv.lock was written with; the same as in tools/bootstrap.py.
RUN pip install --no-cache-dir uv==0.13.9
ENV UV_CACHE_DIR=/var/cache/uv UV_LINK_MODE=copy UV_COMPILE_BYTECODE=1 UV_PYTHON_DOWNLOADS=never
WORKDIR /app
COPY pyproject.toml uv.lock ./
RUN --mount=type=cache,target=/var/cache/uv \
    uv sync --frozen --no-default-groups --group assistant --no-install-project
COPY README.md ./
COPY bot/ bot/
COPY actions/ actions/
COPY nlu/ nlu/
# Last, and quick: the `farol` command.
RUN --mount=type=cache,target=/var/cache/uv \
    uv sync --frozen --no-default-groups --group assistant

FROM ${PYTHON}
# Nothing in the running image can install software.
RUN python -m pip uninstall --yes --root-user-action=ignore wheel setuptools pip \
    && groupadd --gid 10001 farol \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin farol \
    && install --directory --owner=10001 --group=10001 --mode=0700 /var/lib/farol
WORKDIR /app
COPY --from=build /app/ /app/
COPY content/ content/
ENV PATH=/app/.venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    FAROL_DATA_DIR=/var/lib/farol \
    FAROL_HOST=0.0.0.0 \
    FAROL_PORT=8080
# The database, and the key file unless FAROL_MASTER_KEY is set: the only place that is written to besides /tmp.
VOLUME /var/lib/farol
USER 10001:10001
EXPOSE 8080
STOPSIGNAL SIGTERM
# The first start loads the towns of the world into the database; hence the long start period.
HEALTHCHECK --interval=30s --timeout=5s --start-period=180s --retries=3 \
    CMD ["python", "-c", "from http.client import HTTPConnection as C; c = C('127.0.0.1', 8080, timeout=4); c.request('GET', '/health'); raise SystemExit(c.getresponse().status != 200)"]
CMD ["farol", "serve"]
