FROM tiny:latest AS with-tag.and_more-1
RUN echo 1 > /1
FROM with-tag.and_more-1 AS second
RUN echo 2 > /2
FROM scratch AS nothing
COPY plain.txt /
FROM nothing AS from-nothing
COPY other.txt /
FROM second AS tiny
RUN echo 3 > /3
FROM tiny
COPY --from=from-nothing / /n/
COPY --from=nothing / /m/
COPY --from=SECOND /2 /two
