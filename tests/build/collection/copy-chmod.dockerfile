FROM tiny
COPY --chmod=600 plain.txt /a
COPY --chmod=0755 folder /b
COPY --chmod=4711 plain.txt /c
ARG MODE=640
COPY --chmod=$MODE plain.txt /d
