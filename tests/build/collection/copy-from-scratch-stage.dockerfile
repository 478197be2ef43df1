FROM scratch AS files
COPY folder /
FROM scratch
COPY --from=files / /
COPY --from=files /nested/deep /only
