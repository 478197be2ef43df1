FROM busybox AS base
ARG GREETING
ENV GREETING=$GREETING
FROM base AS final
COPY file /file
USER 1000
EXPOSE 8000
CMD ["sleep", "1000"]
FROM final AS never
RUN false
