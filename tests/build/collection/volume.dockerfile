FROM tiny
RUN mkdir /data && touch /data/x
VOLUME /data /more
VOLUME ["/json", "/with space"]
RUN touch /data/after
