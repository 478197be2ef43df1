FROM tiny
RUN mkdir -p /a/b /c && touch /a/b/1 /a/b/2 /c/x /gone
RUN rm /gone /a/b/1 && rm -r /c && mkdir /c && touch /c/y
RUN rm -r /a && ln -s /c /a
