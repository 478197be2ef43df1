FROM tiny
RUN mkdir -p /a/nested && echo old > /a/a.conf && echo stays > /a/stays && chmod 700 /a /a/nested && chown 5:6 /a
COPY folder /a
COPY plain.txt /a/stays
