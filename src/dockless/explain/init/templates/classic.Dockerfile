FROM python:@{version}-slim
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
ENV @{settings} #[settings]
RUN apt-get update && apt-get install -y --no-install-recommends @{headers} && rm -rf /var/lib/apt/lists/* #[headers]
RUN apt-get update && apt-get install -y --no-install-recommends @{libraries} && rm -rf /var/lib/apt/lists/* #[!headers&libraries]
RUN useradd --system --uid 10001 --home-dir /nonexistent app
WORKDIR /web
COPY @{manifests} ./ #[manifests]
RUN @{install} #[install]
COPY . .
WORKDIR /web/@{folder} #[folder]
USER app
EXPOSE @{port} #[port]
CMD @{develop}
