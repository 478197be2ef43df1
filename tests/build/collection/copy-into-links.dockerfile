FROM tiny
COPY plain.txt /link/through
COPY folder /link
RUN ln -s /real /name && mkdir /real
COPY plain.txt /name/
COPY folder /name
