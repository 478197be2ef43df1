FROM tiny AS build
RUN echo app > /app
FROM tiny AS config
RUN mkdir /c && echo config > /c/f
FROM tiny AS base
ONBUILD COPY --from=build /app /app
ONBUILD RUN --mount=from=config,source=/c,target=/opt/c cp /opt/c/f /f
ONBUILD COPY --from=tiny /etc/group /group
FROM base AS middle
ONBUILD RUN cat /app /f > /seen
FROM middle
RUN cat /seen /group > /all
