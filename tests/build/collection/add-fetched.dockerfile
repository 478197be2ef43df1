FROM tiny
ARG HTTP
ADD $HTTP/plain.txt /one
ADD $HTTP/plain.txt $HTTP/other.txt?query=1 /several/
ADD --chmod=755 --chown=web $HTTP/plain.txt /mode
ADD --checksum=sha256:dacf36547c7774a0a170806363b5d412991fbc0d6260b2c00b1d3a80a816c23f $HTTP/plain.txt /checked
ADD $HTTP/tree.tar.gz /kept/
ADD --unpack=true $HTTP/tree.tar.gz /opened/
ADD --unpack=false tree.tar.gz /closed/
ADD --link $HTTP/plain.txt /linked/
