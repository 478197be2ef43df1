# The site is built in a stage of its own; the image holds nginx and the files.
FROM node:@{version}-slim AS build
WORKDIR /app
COPY @{manifests} ./ #[manifests]
RUN @{install} #[install]
COPY . .
RUN @{build}

FROM nginx:@{nginx}
COPY nginx.conf /etc/nginx/nginx.conf
COPY --from=build /app/@{output} /usr/share/nginx/html
USER nginx
EXPOSE 8080
