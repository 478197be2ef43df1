FROM tiny
ARG HTTP
WORKDIR /w
ADD $HTTP/plain.txt .
ADD $HTTP/plain.txt x/y/
ADD $HTTP/plain.txt z
ADD $HTTP/folder/a.conf?x=1#frag frag/
ADD $HTTP/with%20space.txt sp/
RUN mkdir /there
ADD $HTTP/plain.txt /there
ADD --unpack --chown=3:4 --chmod=700 $HTTP/tree.tar.xz /unpacked/
ADD --unpack=true --chown=3:4 $HTTP/plain.txt /no-archive/
ADD --unpack plain.txt tree.tar /local/
