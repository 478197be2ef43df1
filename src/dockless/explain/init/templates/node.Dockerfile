# The dependencies are installed in a stage of their own, and again only when they change.
FROM node:@{version}-slim AS build
WORKDIR /app
RUN chown node:node /app
USER node
COPY --chown=node:node @{manifests} ./ #[manifests]
RUN @{install} #[install]
COPY --chown=node:node . .
RUN @{build} && npm prune --omit=dev #[build]

FROM node:@{version}-slim
ENV NODE_ENV=production
WORKDIR /app
COPY --from=build /app .
USER node
EXPOSE @{port}
CMD @{serve}
