FROM tiny
RUN echo shell $HOME > /shell
RUN ["/bin/sh", "-c", "echo exec > /exec"]
RUN ["touch", "/a b", "/$HOME"]
RUN mkdir /d && \
    cd /d && touch x && chown web:staff x && chmod 1777 /d
