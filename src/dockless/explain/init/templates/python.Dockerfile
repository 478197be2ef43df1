# The dependencies are installed in a stage of their own: what is needed to build them stays out of the image.
FROM python:@{version}-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1
RUN apt-get update && apt-get install -y --no-install-recommends @{headers} && rm -rf /var/lib/apt/lists/* #[headers]
RUN python -m venv /venv
ENV VIRTUAL_ENV=/venv PATH="/venv/bin:$PATH"
WORKDIR /build #[manifests]
COPY @{manifests} ./ #[manifests]
RUN @{install} #[install]

FROM python:@{version}-slim
ENV PATH="/venv/bin:$PATH" PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
ENV PYTHONPATH=/app/src #[src]
ENV @{settings} #[settings]
RUN apt-get update && apt-get install -y --no-install-recommends @{libraries} && rm -rf /var/lib/apt/lists/* #[libraries]
RUN useradd --system --uid 10001 --home-dir /nonexistent app
WORKDIR /app
COPY --from=build /venv /venv
COPY . .
WORKDIR /app/@{folder} #[folder]
USER app
EXPOSE @{port} #[port]
CMD @{serve}
