# check=skip=all
FROM tiny AS Base
CMD a
MAINTAINER me
