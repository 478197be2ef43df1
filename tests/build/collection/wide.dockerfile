FROM tiny AS a
RUN echo a > /a
FROM tiny AS b
RUN echo b > /b
FROM tiny AS c
RUN echo c > /c
FROM scratch
COPY --from=a /a /
COPY --from=b /b /
COPY --from=c /c /
