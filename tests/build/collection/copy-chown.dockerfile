FROM tiny
COPY --chown=web plain.txt /a
COPY --chown=web:staff plain.txt /b
COPY --chown=1234 plain.txt /c
COPY --chown=1234:4321 folder /d/
COPY --chown=:50 plain.txt /e
COPY --chown=0:web plain.txt /made/by/f
USER web
COPY plain.txt /user
