FROM tiny
RUN mkdir -p /home/web && chown web /home/web
USER web
RUN echo "$HOME $(id -u):$(id -g)" > /home/web/a
USER 1234
RUN echo "$HOME $(id -u):$(id -g)" > /tmp/b
USER web:staff
RUN id -g > /tmp/c
USER 1234:4321
RUN id -g > /tmp/d
